"""Opens connections to other nodes, with TLS or without, so that it can be told why there is none."""

import socket
import ssl

import truststore

from .failures import explain_connection, explain_own_certificate
from .nodes import DimseNode, Node, Tls


def open_connection(node: DimseNode, secret: str) -> socket.socket:
    """Return a connection to a node's port, secured where the node wants it so.

    Each step has the node's time to connect, each later call its time to answer.

    Args:
        secret: the password of our private key; or empty.

    Raises:
        PeerError: there is none; the sentence says why.
    """
    context = None if node.tls is None else make_tls_context(node, node.tls, secret)
    try:
        opened = socket.create_connection((node.host, node.port), node.timeouts.connect)
    except UnicodeError as error:
        # A label of the host's name is too long, or empty.
        raise explain_connection(socket.gaierror(str(error)), node, in_tls=False) from error
    except OSError as error:
        raise explain_connection(error, node, in_tls=False) from error
    try:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            opened = context.wrap_socket(opened, server_hostname=node.host)
        opened.settimeout(node.timeouts.answer)
    except OSError as error:
        opened.close()
        raise explain_connection(error, node, in_tls=True) from error
    return opened


def cut(opened: socket.socket) -> None:
    """End a connection from any thread: whoever reads or writes there wakes up."""
    try:
        # Not the method of ssl's socket, which is at work in another thread.
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
    except OSError:
        return


def make_tls_context(node: Node, tls: Tls, secret: str) -> ssl.SSLContext:
    """Return what connections to a node are secured by: at least TLS 1.2 (PS3.15 §B.9).

    Raises:
        PeerError: the files of certificates cannot be used.
    """
    try:
        context: ssl.SSLContext
        if tls.ca_file:
            context = ssl.create_default_context(cafile=tls.ca_file)
        else:
            context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = tls.check_host
        context.verify_mode = ssl.CERT_REQUIRED
        if tls.certificate:
            # Without a function, OpenSSL itself would ask for a password, on the terminal.
            context.load_cert_chain(tls.certificate, tls.key or None, password=lambda: secret)
    except OSError as error:
        raise explain_own_certificate(error, node) from error
    return context
