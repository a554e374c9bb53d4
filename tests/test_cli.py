"""The command line: what it prints, its exit codes, and that nothing half-done stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import linear_regions as lr
from linear_regions.cli import main
from linear_regions.data import load_demo

PNG = b"\x89PNG\r\n\x1a\n"
CERTIFICATE_KEYS = {"certified", "signs", "double_signs", "exact_signs", "undecided"}


def random_network(*widths: int) -> lr.Network:
    random = np.random.default_rng(0)
    shapes = list(zip(widths[1:], widths))
    return lr.Network.from_arrays(
        [random.normal(size=shape) * (2 / shape[1]) ** 0.5 for shape in shapes],
        [random.normal(size=n) * 0.1 for n, _ in shapes],
    )


@pytest.fixture
def model(tmp_path: Path) -> str:
    random_network(2, 6, 5, 1).save(tmp_path / "model.npz")
    return str(tmp_path / "model.npz")


Captured = pytest.CaptureFixture[str]


def run_json(capsys: Captured, *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and not err
    record: dict[str, Any] = json.loads(out)
    return record


def fails(capsys: Captured, code: int, *arguments: str) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == code
    out, err = capsys.readouterr()
    assert not out and err.startswith("error: ") and err.count("\n") == 1
    return err


DOMAINS: dict[str, tuple[list[str], Any]] = {
    "box": (["--box", "-1", "1"], lambda: lr.Box([-1, -1], [1, 1])),
    "space": (["--space"], lambda: lr.Space(2)),
    "box by input": (["--box", "-1", ".5", "-1e-1", "2"], lambda: lr.Box([-1, -0.1], [0.5, 2])),
    "segment": (["--segment", "-1,0.25", "-.5,2"], lambda: lr.Segment([-1, 0.25], [-0.5, 2])),
    "line": (["--line", "-1,0", "1,-3"], lambda: lr.Line([-1, 0], [1, -3])),
    "plane": (["--plane", "-1,0", "1,0", "0,1"], lambda: lr.Slice.through([[-1, 0], [1, 0], [0, 1]])),
    "margin": (
        ["--plane", "-1,0", "1,0", "0,1", "--margin", "1"],
        lambda: lr.Slice.through([[-1, 0], [1, 0], [0, 1]], 1),
    ),
}


@pytest.mark.parametrize("case", DOMAINS)
def test_count_agrees_with_the_library(capsys: Captured, model: str, case: str) -> None:
    arguments, domain = DOMAINS[case]
    record = run_json(capsys, "count", model, *arguments)
    expected = lr.count_regions(lr.load_network(model), domain(), full_output=True)
    keys = {"command", "version", "model", "domain", "regions", "per_layer", "certificate", "seconds"}
    assert set(record) == keys and set(record["certificate"]) == CERTIFICATE_KEYS
    assert (record["command"], record["version"], record["model"]) == ("count", lr.__version__, model)
    assert (record["regions"], record["per_layer"]) == (expected.count, expected.per_layer.tolist())
    assert record["certificate"]["certified"] and record["certificate"]["signs"] == expected.certificate.signs
    assert record["certificate"]["undecided"] == 0 and record["seconds"] > 0


def test_count_for_people(capsys: Captured, model: str) -> None:
    assert main(["count", model, "--box", "-1", "1", "--jobs", "2"]) == 0
    out, err = capsys.readouterr()
    n = lr.count_regions(lr.load_network(model), lr.Box([-1, -1], [1, 1]))
    assert out.startswith(f"{n} regions on Box([-1., -1.], [1., 1.])\nafter each layer: ")
    assert "certified: " in out and not err


def test_points_from_files(capsys: Captured, model: str, tmp_path: Path) -> None:
    points = np.array([[-1, 0], [1, 0], [0, 1]], np.float32)
    np.save(tmp_path / "all.npy", points)
    for i, point in enumerate(points):
        np.save(tmp_path / f"{i}.npy", point)
    one = run_json(capsys, "count", model, "--plane", str(tmp_path / "all.npy"))
    three = run_json(capsys, "count", model, "--plane", str(tmp_path / "0.npy"), "1,0", str(tmp_path / "2.npy"))
    assert one["regions"] == three["regions"] == run_json(capsys, "count", model, *DOMAINS["plane"][0])["regions"]


def test_progress_goes_to_stderr(capsys: Captured, model: str) -> None:
    assert main(["count", model, "--box", "-1", "1", "--json", "--progress"]) == 0
    out, _ = capsys.readouterr()
    assert json.loads(out)["regions"] > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--box", "-1", "nan"], "must be finite"),
        (["--box", "1", "-1"], "must be larger than lower[0]"),
        (["--box", "-1", "1", "-1"], "--box must be one pair LO HI, or one for each of the 2 inputs, got 3 numbers"),
        (["--line", "0,0,0", "1,1,1"], "must lie in 2 dimensions"),
        (["--line", "0,0", "0,0"], "direction must"),
        (["--segment", "0,0", "1,1,1"], "end must have shape (2,)"),
        (["--plane", "0,0", "1,1"], "--plane must be three points"),
        (["--plane", "0,0", "1,1", "2,2"], "not lie on one line"),
        (["--plane", "0,0", "1,1", "2"], "--plane must be points of one dimension"),
        (["--plane", "missing.npy"], "--plane must name an existing file, got 'missing.npy'"),
        (["--box", "-1", "1", "--jobs", "0"], "n_jobs must"),
        (["--box", "-1", "1", "--max-regions", "0"], "max_regions must be at least 1"),
    ],
)
def test_bad_domains(capsys: Captured, model: str, arguments: list[str], message: str) -> None:
    assert message in fails(capsys, 1, "count", model, *arguments)


def test_bad_models(capsys: Captured, tmp_path: Path) -> None:
    box = ["--box", "-1", "1"]
    assert "existing file" in fails(capsys, 1, "count", str(tmp_path / "none.npz"), *box)
    assert "must end in .npz" in fails(capsys, 1, "count", str(tmp_path / "model.txt"), *box)
    (tmp_path / "empty.npz").touch()
    assert "empty.npz" in fails(capsys, 1, "count", str(tmp_path / "empty.npz"), *box)
    random_network(3, 4, 1).save(tmp_path / "three.npz")
    assert "dimension" in fails(
        capsys, 1, "plot", str(tmp_path / "three.npz"), *box, "--output", str(tmp_path / "p.png")
    )


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00", b"pickle", b"huge", b"zip"])
def test_bad_point_files(capsys: Captured, model: str, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "points.npy"
    if content == b"pickle":
        np.save(file, np.array([{}, {}, {}]), allow_pickle=True)
    elif content == b"huge":
        np.save(file, np.zeros((3, 2)))
        file.write_bytes(
            file.read_bytes().replace(b"(3, 2)", b"(3, 9" + b"9" * 12 + b")").replace(b" " * 12 + b"\n", b"\n")
        )
    elif content == b"zip":
        with file.open("wb") as stream:
            np.savez(stream, np.zeros((3, 2)))
    else:
        file.write_bytes(content)
    assert "--plane must name a .npy file" in fails(capsys, 1, "count", model, "--plane", str(file))


def test_budget(capsys: Captured, model: str) -> None:
    assert "max_regions" in fails(capsys, 3, "count", model, "--box", "-1", "1", "--max-regions", "3")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["measure"],
        ["count", "model.npz"],
        ["count", "model.npz", "--box", "a", "b"],
        ["count", "model.npz", "--line", "0;0", "1,1"],
        ["count", "model.npz", "--box", "0", "1", "--line", "0,0", "1,1"],
        ["plot", "model.npz", "--box", "0", "1"],
        ["demo", "--epoch", "7"],
    ],
)
def test_usage_errors(capsys: Captured, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == 2
    assert "usage: linear-regions" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["demo", "--help"], ["count", "--help"], ["plot", "--help"]])
def test_help_has_examples(capsys: Captured, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    out = capsys.readouterr().out
    assert leaving.value.code == 0 and "exit codes: " in " ".join(out.split())
    assert len(arguments) == 1 or "example:\n  linear-regions " in out


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_module_runs_and_answers_without_numerics(tmp_path: Path, option: str) -> None:
    code = f"import sys; sys.argv = ['x', '{option}']\nimport linear_regions.cli as c\ntry: c.main()\nfinally: "
    code += "assert not {'numpy', 'numba', 'matplotlib'} & set(sys.modules)"
    fast = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    command = [sys.executable, "-m", "linear_regions", option]
    module = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert module.stdout == fast.stdout
    assert option == "--help" or module.stdout == f"linear-regions {lr.__version__}\n"


@pytest.mark.parametrize(
    ("domain", "name", "start"),
    [("box", "a.png", PNG), ("plane", "a.PDF", b"%PDF"), ("line", "a.svg", b"<?xml"), ("segment", "a.png", PNG)],
)
def test_plot(capsys: Captured, model: str, tmp_path: Path, domain: str, name: str, start: bytes) -> None:
    target = tmp_path / "figures" / name
    target.parent.mkdir()
    assert main(["plot", model, *DOMAINS[domain][0], "--output", str(target), "--color", "output"]) == 0
    assert target.read_bytes().startswith(start)
    assert list(target.parent.iterdir()) == [target]
    assert capsys.readouterr().out.endswith(f" regions drawn: {target}\n")


def test_plot_leaves_nothing_after_an_error(capsys: Captured, model: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "a.png"
    target.write_bytes(b"the figure of last time")
    over = ["plot", model, "--box", "-1", "1", "--output", str(target), "--max-regions", "3"]
    fails(capsys, 3, *over)
    assert [(f.name, f.read_bytes()) for f in target.parent.iterdir()] == [("a.png", b"the figure of last time")]
    assert ".png, .pdf, .svg" in fails(
        capsys, 1, "plot", model, "--box", "-1", "1", "--output", str(tmp_path / "a.txt")
    )
    nowhere = str(tmp_path / "none" / "a.png")
    assert "can be written" in fails(capsys, 1, "plot", model, "--box", "-1", "1", "--output", nowhere)
    (tmp_path / "folder.png").mkdir()
    assert "folder" in fails(capsys, 1, "plot", model, "--box", "-1", "1", "--output", str(tmp_path / "folder.png"))


def test_a_reader_that_leaves(model: str) -> None:
    command = [sys.executable, "-m", "linear_regions", "count", model, "--box", "-1", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no device that is always full")
@pytest.mark.parametrize("arguments", [["count", "model.npz", "--box", "-1", "1"], ["--help"], ["--version"]])
def test_a_full_device(model: str, arguments: list[str]) -> None:
    command, env = [sys.executable, "-m", "linear_regions", *arguments], os.environ | {"PYTHONUNBUFFERED": ""}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, cwd=Path(model).parent, env=env, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "error: the output cannot be written: No space left on device\n")


@pytest.mark.parametrize("name", ["a" * 300, "a" * 249, "a/" * 3000 + "a", "a\0"])
def test_file_names_that_the_system_does_not_take(capsys: Captured, model: str, tmp_path: Path, name: str) -> None:
    box, file = ["--box", "-1", "1"], str(tmp_path / name)
    network = lr.load_network(model)
    regions = lr.enumerate_regions(network, lr.Box([-1, -1], [1, 1]))
    for load in (lr.load_network, lr.load_regions):
        with pytest.raises(lr.InvalidInput, match="^path must name an existing file"):
            load(f"{file}.npz")
    assert "existing file" in fails(capsys, 1, "count", f"{file}.npz", *box)
    assert "existing file" in fails(capsys, 1, "count", model, "--plane", f"{file}.npy")
    if len(name) == 249:  # with a suffix it is as long as may be
        file += "aaa"
    for save in (network.save, regions.save):
        with pytest.raises(lr.InvalidInput, match="^path must name a file that can be written"):
            save(f"{file}.npz")
    assert "can be written" in fails(capsys, 1, "plot", model, *box, "--output", f"{file}.png")
    assert [f.name for f in tmp_path.iterdir()] == ["model.npz"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_interrupt(tmp_path: Path, jobs: str) -> None:
    random_network(2, 400, 400, 400, 1).save(tmp_path / "wide.npz")
    # Under a shell's `&` SIGINT starts out ignored; a terminal's user has the default.
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from linear_regions.cli import main; sys.exit(main())"
    arguments = ["plot", "wide.npz", "--box", "-1", "1", "--output", "a.png", "--jobs", jobs, "--progress"]
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        shown = b""
        while b"regions" not in shown:  # the bar is up: blocks are being refined
            byte = process.stderr.read(1)
            assert byte, shown
            shown += byte
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and out == b""
    assert err.endswith(b"interrupted\n") and b"Traceback" not in err
    assert [f.name for f in tmp_path.iterdir()] == ["wide.npz"]


def test_demo(capsys: Captured, tmp_path: Path) -> None:
    record = run_json(capsys, "demo", "--epoch", "20", "--output", str(tmp_path))
    assert set(record) == {"command", "version", "network", "neurons", "warm_seconds", "epochs", "figure"}
    assert (record["network"], record["neurons"]) == ("784-64-64-64-10", 192)
    (epoch,) = record["epochs"]
    case = load_demo(20)
    network = lr.Network.from_arrays(case.weights, case.biases)
    regions = lr.enumerate_regions(network, lr.Slice.through(case.images_012))
    assert epoch["test_accuracy"] == case.accuracy
    assert epoch["plane"]["regions"] == len(regions) and epoch["plane"]["per_layer"] == regions.per_layer.tolist()
    assert 0.1 < epoch["plane"]["over_neurons_squared"] < 1
    assert epoch["plane"]["boundary_length"] == regions.boundary_volume()
    assert epoch["plane"]["smallest_area"] == regions.volumes.min() > epoch["plane"]["smallest_area_error"] > 0
    assert set(epoch["plane"]["certificate"]) == set(epoch["lines"]["certificate"]) == CERTIFICATE_KEYS
    first = lr.count_regions(network, lr.Line(np.zeros(784), case.examples[0]))
    over = epoch["lines"]["over_neurons"]
    assert epoch["lines"]["lines"] == 100 and 0.5 < over["min"] <= first / 192 <= over["max"] < 2
    figure = Path(record["figure"])
    assert list(tmp_path.iterdir()) == [figure] and figure.read_bytes().startswith(PNG)


def test_demo_prints_a_table(capsys: Captured, tmp_path: Path) -> None:
    from linear_regions import demo

    result = demo.run((0,))
    table = str(result)
    moment = result.moments[0]
    assert f"{len(moment.regions):,}" in table and str(moment.regions.certificate) in table
    assert max(map(len, table.splitlines())) < 130
    assert main(["demo", "--epoch", "0", "--output", str(tmp_path / "none")]) == 1
    assert "can be written" in capsys.readouterr().err
