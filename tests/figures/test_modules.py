"""ES modules joined by their import lines: order, names, comments, what is refused, and the package's own."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from vae_lessons import figures
from vae_lessons.figures.runtime.modules import ModuleError, join_modules

FIGURES = Path(figures.__file__).parent
ROOT = FIGURES.parents[1]


@pytest.fixture
def join(tmp_path):
    """Write files, by name, and join them from the entries on."""

    def written(files, *entries):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return join_modules(*(tmp_path / name for name in entries or ["main.js"]))

    return written


def test_imports_come_first_and_each_file_once(join):
    files = {
        "main.js": 'import { a } from "./a.js";\nimport { b } from "./in/b.js";\nexport const main = a + b;\n',
        "a.js": 'import { c } from "./c.js";\nexport const a = c;\n',
        "in/b.js": 'import { c } from "../c.js";\nexport const b = c;\n',
        "c.js": "export const c = 1;\n",
    }
    assert join(files) == "const c = 1;\nconst a = c;\nconst b = c;\nexport const main = a + b;\n"


def test_entries_keep_their_exports(join):
    files = {
        "main.js": 'import { a } from "./a.js";\nexport function f() {}\nexport default { f };\n',
        "a.js": "export async function a() {}\nexport let b = 1;\nexport class C {}\n",
    }
    assert join(files, "main.js") == (
        "async function a() {}\nlet b = 1;\nclass C {}\nexport function f() {}\nexport default { f };\n"
    )
    assert "export async function a" in join(files, "a.js", "main.js")


def test_imports_may_take_several_lines(join):
    files = {
        "main.js": 'import {\n  a,\n  b,\n} from "./a.js";\nexport const sum = a + b;\n',
        "a.js": "export const a = 1;\nexport const b = 2;\n",
    }
    assert join(files).endswith("const b = 2;\nexport const sum = a + b;\n")


def test_comments_on_lines_of_their_own_stay_behind(join):
    files = {
        "main.js": '// what\n/**\n * @param {number} x\n */\nexport const f = x => x; // why\nconst s = "// no";\n'
        "const t = /** @type {any} */ (s);\n"
    }
    assert join(files) == 'export const f = x => x; // why\nconst s = "// no";\nconst t = /** @type {any} */ (s);\n'


REFUSED = {
    "a cycle": (
        {"main.js": 'import { a } from "./a.js";\nexport const b = 1;\n', "a.js": 'import { b } from "./main.js";\n'},
        "files import each other: main.js → a.js → main.js",
    ),
    "a missing file": ({"main.js": 'import { a } from "./gone.js";\n'}, "gone.js, which main.js imports, is not there"),
    "a name twice": (
        {"main.js": 'import { a } from "./a.js";\nconst size = 2;\n', "a.js": "const size = 1;\nexport const a = 1;\n"},
        "a.js and main.js both declare size",
    ),
    "a name that is not exported": (
        {"main.js": 'import { a, b } from "./a.js";\n', "a.js": "const a = 1;\nexport const b = 1;\n"},
        "main.js imports a, which a.js does not export",
    ),
    "another name": (
        {"main.js": 'import { a as b } from "./a.js";\n', "a.js": "export const a = 1;\n"},
        "main.js imports a as b, which a.js does not export",
    ),
    "a package": ({"main.js": 'import { a } from "d3";\n'}, "main.js has a line that cannot be joined: import"),
    "a default import": (
        {"main.js": 'import a from "./a.js";\n', "a.js": "export const a = 1;\n"},
        'main.js has a line that cannot be joined: import a from "./a.js";',
    ),
    "an inner default": (
        {"main.js": 'import { a } from "./a.js";\n', "a.js": "export const a = 1;\nexport default a;\n"},
        "a.js has a line that cannot be joined: export default a;",
    ),
    "a list of exports": (
        {"main.js": "const a = 1;\nexport { a };\n"},
        "main.js has a line that cannot be joined: export { a };",
    ),
    "several declarations": ({"main.js": "const [a, b] = [1, 2];\n"}, "main.js declares several names at once"),
}


@pytest.mark.parametrize(("files", "message"), REFUSED.values(), ids=REFUSED)
def test_modules_that_cannot_be_joined_are_refused(files, message, join):
    with pytest.raises(ModuleError, match=re.escape(message)):
        join(files)


@pytest.mark.parametrize("folder", [path.parent for path in FIGURES.glob("*/figure.js")], ids=lambda path: path.name)
def test_a_figure_travels_as_one_module(folder):
    for text in (join_modules(folder / "figure.js"), join_modules(folder / "figure.js", FIGURES / "runtime/page.js")):
        assert not re.search(r"^\s*(import\b|//|/\*)", text, re.MULTILINE)
        assert len(re.findall(r"^export default", text, re.MULTILINE)) == 1


# Types.


@pytest.fixture
def type_errors(tmp_path):
    """What TypeScript finds in the JavaScript of a copy of the repository's figures."""
    if not (ROOT / "node_modules/typescript").exists():
        pytest.skip("TypeScript is not installed; `make lint` installs it")
    shutil.copy(ROOT / "jsconfig.json", tmp_path)
    shutil.copytree(FIGURES, tmp_path / "vae_lessons/figures", ignore=shutil.ignore_patterns("__pycache__"))

    def check():
        command = ["node", ROOT / "node_modules/typescript/bin/tsc", "-p", tmp_path / "jsconfig.json"]
        return subprocess.run(command, capture_output=True, text=True).stdout

    return check


@pytest.mark.check
def test_types_are_right_and_a_wrong_one_is_found(type_errors, tmp_path):
    assert type_errors() == ""
    path = tmp_path / "vae_lessons/figures/runtime/axes.js"
    path.write_text(path.read_text("utf-8") + 'scale("0", [0, 1]);\n', "utf-8")
    assert "runtime/axes.js" in type_errors()
    assert "error TS2345" in type_errors()
