"""``negatoscope pacs``: what is asked of other archives."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar

from . import logs
from .app import make_folders, start_app
from .console import ask_password, read_password
from .counting import count_of
from .delivering import send
from .errors import ExitCode, InputError, NegatoscopeError, UsageError
from .jobs import Job
from .listening import listen
from .options import Options, PacsOptions
from .pacs.answers import remarks_of
from .pacs.asking import Account
from .pacs.nodefile import add_node, find_node, load_nodes, remove_node
from .pacs.nodes import UTF_8, Auth, DimseNode, Node, Retrieve, Timeouts, Tls, WebNode
from .pacs.query import DEFAULT_LIMIT, Level, Query
from .pacs.secrets import Secrets, forget_secret, keep_secret, make_secret_id, needs_secret, variable_of
from .pacs.worklist import COLUMNS, Step, WorklistQuery
from .paths import Paths
from .retrieving import retrieve
from .services.conversing import Outcome
from .services.querying import Finding, Here, start_echo, start_worklist
from .services.reporting import print_json, print_table, printable

Result = TypeVar("Result")

_COLUMNS = {
    Level.PATIENT: ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "NumberOfPatientRelatedStudies"),
    Level.STUDY: (
        *("StudyDate", "PatientName", "PatientID", "PatientBirthDate", "ModalitiesInStudy", "StudyDescription"),
        *("AccessionNumber", "StudyInstanceUID"),
    ),
    Level.SERIES: ("SeriesNumber", "Modality", "SeriesDescription", "SeriesDate", "SeriesInstanceUID"),
    Level.IMAGE: ("InstanceNumber", "SOPClassUID", "NumberOfFrames", "SOPInstanceUID"),
}
_WORKLIST_COLUMNS = (
    *("ScheduledProcedureStepStartDate", "ScheduledProcedureStepStartTime", "ScheduledStationAETitle", "Modality"),
    *("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "ScheduledProcedureStepDescription"),
)
_COMPARED = (Level.STUDY, Level.SERIES)
_PLURALS = {
    Level.PATIENT: ("patient", "patients"),
    Level.STUDY: ("study", "studies"),
    Level.SERIES: ("series", "series"),
    Level.IMAGE: ("image", "images"),
}


def manage_nodes(options: Options, paths: Paths) -> int:
    """Run what was asked of ``negatoscope pacs``."""
    assert options.pacs is not None
    make_folders(paths)
    logs.start_logging(paths.log, verbose=options.verbose)
    actions: dict[str, Callable[[Options, PacsOptions, Paths], int]] = {
        "list": _list,
        "add": _add,
        "remove": _remove,
        "echo": _echo,
        "find": _find,
        "worklist": _worklist,
        "get": _retrieve,
        "move": _retrieve,
        "send": _send,
        "listen": listen,
    }
    return actions[options.pacs.action](options, options.pacs, paths)


def _list(options: Options, _asked: PacsOptions, paths: Paths) -> int:
    nodes = load_nodes(paths.nodes)
    if options.json:
        print_json([_node_to_json(node) for node in nodes])
    else:
        print_table([_node_row(node) for node in nodes])
    return ExitCode.DONE


def _node_to_json(node: Node) -> dict[str, Any]:
    values = {"kind": "dimse" if isinstance(node, DimseNode) else "dicomweb", **asdict(node)}
    del values["secret_id"]
    return values


def _node_row(node: Node) -> tuple[str, ...]:
    if isinstance(node, DimseNode):
        where = f"{node.aet} at {node.host}:{node.port}"
        return node.name, "DIMSE", where, f"as {node.our_aet}", "TLS" if node.tls else "not encrypted"
    who = f"as {node.user}" if node.user else "with a token" if node.auth is Auth.BEARER else ""
    return node.name, "DICOMweb", node.url, who, "TLS" if node.is_secured else "not encrypted"


def _add(options: Options, asked: PacsOptions, paths: Paths) -> int:
    node = make_node(asked)
    if node.name in {other.name for other in load_nodes(paths.nodes)}:
        raise InputError(f"There is a node {node.name} already. Remove it first: negatoscope pacs remove {node.name}")
    if isinstance(node, WebNode) and node.auth is not Auth.NONE and not node.is_secured:
        print(f"negatoscope: The password goes to {node.url} as anybody on the way can read it.", file=sys.stderr)
    has_secret = asked.password_file is not None or (isinstance(node, WebNode) and node.auth is not Auth.NONE)
    secret = _ask_at(asked)(node) if has_secret else None
    if secret:
        node = replace(node, secret_id=make_secret_id())
        if not keep_secret(node.secret_id, secret):
            print(
                "negatoscope: This system has no keyring that can be trusted, so the password was not kept. "
                f"You will be asked for it, or put it into the variable {variable_of(node.name)}.",
                file=sys.stderr,
            )
    add_node(paths.nodes, node)
    if options.json:
        print_json(_node_to_json(node))
    else:
        print(f"Added. Try it: negatoscope pacs echo {printable(node.name)}", file=sys.stderr)
    return ExitCode.DONE


def make_node(asked: PacsOptions) -> Node:
    """Return the node that is to be added.

    Raises:
        UsageError: options do not go together, or a value is none of those allowed.
    """
    of_dimse = {"aet": asked.aet, "host": asked.host, "port": asked.port}
    of_web = {"url": asked.url, "auth": asked.auth, "user": asked.user}
    if asked.url:
        others = of_dimse | {"our-aet": asked.our_aet, "tls": asked.tls, "retrieve": asked.retrieve}
        others |= {"charset": asked.charset}
        _refuse(others, "--url")
    else:
        _refuse(of_web, "--aet")
        lacking = [name for name, value in of_dimse.items() if not value]
        if lacking:
            raise UsageError(f"Name the archive with --aet, --host and --port, or with --url: no --{lacking[0]}.")
    timeouts = {"connect": asked.connect_timeout, "answer": asked.answer_timeout}
    try:
        limits = Timeouts(**{name: value for name, value in timeouts.items() if value is not None})
        tls = Tls(asked.tls_ca, asked.tls_certificate, asked.tls_key, not asked.no_host_check)
        name = asked.nodes[0]
        if asked.url:
            return WebNode(name, asked.url, Auth(asked.auth or Auth.NONE), asked.user, tls, limits)
        is_secured = asked.tls or tls != Tls()
        charset = UTF_8 if asked.charset is None else asked.charset
        node = DimseNode(name, asked.aet, asked.host, asked.port or 0, tls=tls if is_secured else None)
        return replace(
            node,
            our_aet=asked.our_aet or node.our_aet,
            timeouts=limits,
            retrieve=Retrieve(asked.retrieve or Retrieve.AUTOMATIC),
            charset=charset,
        )
    except ValueError as error:
        raise UsageError(f"This cannot be a node: {error}.") from error


def _refuse(values: dict[str, Any], chosen: str) -> None:
    for name, value in values.items():
        if value:
            raise UsageError(f"--{name} does not go with {chosen}. See: negatoscope pacs add --help")


def _remove(options: Options, asked: PacsOptions, paths: Paths) -> int:
    node = remove_node(paths.nodes, asked.nodes[0])
    forget_secret(node.secret_id)
    if options.json:
        print_json(_node_to_json(node))
    return ExitCode.DONE


def _echo(options: Options, asked: PacsOptions, paths: Paths) -> int:
    def on_outcome(outcome: Outcome[None]) -> None:
        if outcome.error is None and not options.json:
            print(f"{printable(outcome.node)} is there ({outcome.seconds:.1f} s).", flush=True)
        _say_error(outcome)

    outcomes = _wait(start_echo(_nodes_of(asked, paths), Secrets(_ask_at(asked)), on_outcome))
    if options.json:
        print_json([_outcome_to_json(outcome) for outcome in outcomes])
    return _exit_code(outcomes)


def _find(options: Options, asked: PacsOptions, paths: Paths) -> int:
    query = Query(
        level=Level(asked.level or Level.STUDY),
        name=asked.name,
        patient_id=asked.id,
        accession=asked.accession,
        dates=asked.date,
        modalities=tuple(part for part in asked.modality.split(",") if part.strip()),
        description=asked.description,
        referring=asked.referring,
        study_uid=asked.study,
        series_uid=asked.series,
        instance_uid=asked.image,
        limit=DEFAULT_LIMIT if asked.limit is None else asked.limit,
    )
    nodes, secrets = _nodes_of(asked, paths), Secrets(_ask_at(asked))
    found: list[Finding] = []
    with start_app(paths, verbose=options.verbose) as app:
        outcomes = _wait(
            app.querying.find(nodes, secrets, query, found.extend, lambda outcome: _say(outcome, _PLURALS[query.level]))
        )
    if options.json:
        answers = [_finding_to_json(finding) for finding in found]
        print_json({"answers": answers, "nodes": [_account_to_json(outcome) for outcome in outcomes]})
    elif found:
        head = ("node", *_COLUMNS[query.level], *(("images", "here") if query.level in _COMPARED else ()))
        print_table([head, *(_finding_row(finding) for finding in found)])
    return _exit_code(outcomes)


def _worklist(options: Options, asked: PacsOptions, paths: Paths) -> int:
    query = WorklistQuery(
        name=asked.name,
        patient_id=asked.id,
        accession=asked.accession,
        dates=asked.date,
        modality=asked.modality,
        station=asked.station,
        limit=DEFAULT_LIMIT if asked.limit is None else asked.limit,
    )
    nodes = [node for node in _nodes_of(asked, paths) if asked.nodes or isinstance(node, DimseNode)]
    steps: list[Step] = []
    outcomes = _wait(
        start_worklist(
            nodes, Secrets(_ask_at(asked)), query, steps.extend, lambda outcome: _say(outcome, ("step", "steps"))
        )
    )
    if options.json:
        told = [{"node": step.node, **step.values, "doubtful_text": step.is_doubtful} for step in steps]
        print_json({"steps": told, "nodes": [_account_to_json(outcome) for outcome in outcomes]})
    elif steps:
        rows = [(step.node, *(step.values[name] for name in _WORKLIST_COLUMNS)) for step in steps]
        print_table([("node", *_WORKLIST_COLUMNS), *rows])
    assert set(_WORKLIST_COLUMNS) <= set(COLUMNS)
    return _exit_code(outcomes)


def _retrieve(options: Options, asked: PacsOptions, paths: Paths) -> int:
    return retrieve(options, asked, paths, find_node(paths.nodes, asked.nodes[0]), Secrets(_ask_at(asked)))


def _send(options: Options, asked: PacsOptions, paths: Paths) -> int:
    return send(options, asked, paths, find_node(paths.nodes, asked.nodes[0]), Secrets(_ask_at(asked)))


def _nodes_of(asked: PacsOptions, paths: Paths) -> list[Node]:
    """Return the nodes that are named, or all."""
    if asked.nodes:
        return [find_node(paths.nodes, name) for name in dict.fromkeys(asked.nodes)]
    nodes = load_nodes(paths.nodes)
    if not nodes:
        raise InputError("There is no node yet. Add one: negatoscope pacs add")
    return list(nodes)


def _ask_at(asked: PacsOptions) -> Callable[[Node], str | None]:
    """Return what asks for a node's secret: in the file that was named, or else at the terminal."""
    if asked.password_file is not None:
        told = read_password(asked.password_file)
        return lambda _: told

    def ask(node: Node) -> str | None:
        what = "Token" if isinstance(node, WebNode) and node.auth is Auth.BEARER else "Password"
        return ask_password(f"{what} of {printable(node.name)}: ") if needs_secret(node) else None

    return ask


def _wait(job: Job[None, list[Outcome[Result]]]) -> list[Outcome[Result]]:
    """Wait for a job; on Ctrl-C stop it in good order, and on a second one at once."""
    try:
        job.join()
    except KeyboardInterrupt:
        job.cancel()
        job.join()
    return job.wait()


def _say(outcome: Outcome[Account], words: tuple[str, str]) -> None:
    """Say on standard error how it went with a node."""
    if outcome.result is not None:
        account = outcome.result
        sentences = [f"{count_of(account.taken, *words)} in {outcome.seconds:.1f} s."]
        if account.was_cut:
            sentences.append("There are more: the list was cut. Search for less, or raise --limit.")
        sentences += remarks_of(account.odd)
        print(f"{printable(outcome.node)}: {' '.join(sentences)}", file=sys.stderr, flush=True)
    _say_error(outcome)


def _say_error(outcome: Outcome[Any]) -> None:
    if outcome.error is not None:
        print(f"negatoscope: {printable(outcome.error.sentence)}", file=sys.stderr, flush=True)


def _outcome_to_json(outcome: Outcome[Any]) -> dict[str, Any]:
    return {
        "node": outcome.node,
        "seconds": round(outcome.seconds, 3),
        "error": None if outcome.error is None else _error_to_json(outcome.error),
    }


def _error_to_json(error: NegatoscopeError) -> dict[str, str]:
    return {"code": getattr(error, "kind", error.code), "sentence": error.sentence}


def _account_to_json(outcome: Outcome[Account]) -> dict[str, Any]:
    account = outcome.result
    return _outcome_to_json(outcome) | {
        "answers": None if account is None else account.taken,
        "cut": account is not None and account.was_cut,
        "odd": {} if account is None else {oddity.value: count for oddity, count in account.odd.items()},
    }


def _finding_to_json(finding: Finding) -> dict[str, Any]:
    answer = finding.answer
    return {
        "node": answer.node,
        "level": answer.level.value,
        **answer.values,
        "here": finding.here.value,
        "instances_here": finding.instances_here,
        "doubtful_text": answer.is_doubtful,
    }


def _finding_row(finding: Finding) -> tuple[str, ...]:
    answer = finding.answer
    there = "" if answer.instances is None else str(answer.instances)
    here = {
        Here.NO: "",
        Here.PARTLY: f"{finding.instances_here} of {there}",
        Here.ALL: "all",
        Here.YES: str(finding.instances_here),
        Here.OTHER_PATIENT: "another patient's study has this UID",
    }
    columns = (answer.values.get(name, "").replace("\\", ",") for name in _COLUMNS[answer.level])
    return answer.node, *columns, *((there, here[finding.here]) if answer.level in _COMPARED else ())


def _exit_code(outcomes: Iterable[Outcome[Any]]) -> int:
    """Return the worst of what happened: a node that failed counts more than one that was silent."""
    codes: Sequence[ExitCode] = [outcome.error.exit_code for outcome in outcomes if outcome.error is not None]
    if not codes:
        return ExitCode.DONE
    return codes[0] if len(set(codes)) == 1 else ExitCode.FAILED
