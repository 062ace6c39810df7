"""The committed bundle: made from these sources, complete, small, and harmless. Nothing here needs Node."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import sojourn
from sojourn.web.pages.language import LANGUAGES

ROOT = Path(__file__).parent.parent.parent
WEB = ROOT / "web"
STATIC = ROOT / "src" / "sojourn" / "web" / "static"
MAKE = "run `make web` and commit what it wrote"

# As in web/scripts/stamp.ts.
INPUTS = ("package-lock.json", "package.json", "scripts", "src", "tsconfig.json", "vite.config.ts")

# Drawn and written by hand; everything else in the folder is built.
BY_HAND = {"sojourn.css", "sojourn.svg"}

# What React 18, React 19 and web/src/runtime/react.ts all have.
REACT_NAMES = {
    "Children",
    "Fragment",
    "createContext",
    "createElement",
    "useCallback",
    "useContext",
    "useEffect",
    "useId",
    "useLayoutEffect",
    "useMemo",
    "useReducer",
    "useRef",
    "useState",
    "useSyncExternalStore",
}


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def inputs(web: Path) -> list[str]:
    """The names of what the bundle is made from, in the order in which they are digested."""
    files = (file for name in INPUTS for file in [web / name, *(web / name).rglob("*")] if file.is_file())
    return sorted(file.relative_to(web).as_posix() for file in files)


def digest(web: Path) -> str:
    whole = hashlib.sha256()
    for name in inputs(web):
        content = (web / name).read_bytes().replace(b"\r\n", b"\n")
        whole.update(f"{name}\n{sha256(content)}\n".encode())
    return whole.hexdigest()


def built(pattern: str = "*") -> list[Path]:
    return sorted(file for file in STATIC.glob(pattern) if file.name not in BY_HAND)


def names(files: list[Path]) -> list[str]:
    return [file.name for file in files]


@pytest.fixture(scope="module")
def build() -> Any:
    return read(STATIC / "BUILD.json")


# ── made from these sources ───────────────────────────────────────────────────────────────────


def test_the_bundle_is_made_from_these_sources(build):
    assert build["inputs"] == {"files": len(inputs(WEB)), "sha256": digest(WEB)}, MAKE


def test_no_built_file_was_changed_by_hand(build):
    found = {file.name: sha256(file.read_bytes()) for file in built() if file.name != "BUILD.json"}
    assert found == build["outputs"], MAKE


def test_the_bundle_is_made_with_the_tools_of_the_lock(build):
    packages = read(WEB / "package-lock.json")["packages"]
    for name, version in build["tools"].items():
        nested = packages.get(f"node_modules/vite/node_modules/{name}")
        assert (nested or packages[f"node_modules/{name}"])["version"] == version, MAKE


def test_the_served_pages_run_on_preact(build):
    assert build["runtime"] == "preact", MAKE


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """What the bundle is made from, to be changed."""
    for name in inputs(WEB):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(WEB / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("name", ["src/client/types.ts", "package-lock.json", "vite.config.ts"])
def test_one_changed_byte_of_a_source_is_seen(copied: Path, name: str):
    before = digest(copied)
    content = (copied / name).read_bytes()
    (copied / name).write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    assert digest(copied) != before == digest(WEB)


def test_a_renamed_and_an_added_source_are_seen(copied: Path):
    (copied / "src" / "client" / "types.ts").rename(copied / "src" / "client" / "kinds.ts")
    renamed = digest(copied)
    (copied / "src" / "empty.ts").touch()
    assert len({digest(WEB), renamed, digest(copied)}) == 3


def test_the_line_ends_of_a_checkout_do_not_count(copied: Path):
    types = copied / "src" / "client" / "types.ts"
    types.write_bytes(types.read_bytes().replace(b"\n", b"\r\n"))
    assert digest(copied) == digest(WEB)


# ── complete ──────────────────────────────────────────────────────────────────────────────────


def test_everything_that_the_manifest_names_is_there():
    manifest = read(STATIC / "manifest.json")
    for entry in (
        "src/pages/account.tsx",
        "src/pages/admin.tsx",
        "src/elements/index.ts",
        "src/styles/index.css",
    ):
        assert manifest[entry]["isEntry"]
    files = {part["file"] for part in manifest.values()}
    beside = {"BUILD.json", "LICENSES.txt", "manifest.json"}
    assert files | beside == {name for name in names(built()) if not name.startswith("page-")}


def test_the_catalogues_are_served_as_they_were_written():
    locales = WEB / "src" / "locales"
    written = {f"locale-{file.name}": file.read_bytes() for file in locales.glob("*.json")}
    written |= {f"page-{file.name}": file.read_bytes() for file in (locales / "page").glob("*.json")}
    served = {file.name: file.read_bytes() for file in built("locale-*") + built("page-*")}
    assert {"locale-en.json", "locale-de.json", "page-en.json", "page-de.json"} <= served.keys()
    assert served == written, MAKE


def test_the_licence_of_everything_in_the_bundle_is_told():
    text = (STATIC / "LICENSES.txt").read_text(encoding="utf-8")
    packages = read(WEB / "package-lock.json")["packages"]
    for name in ("preact", "@tanstack/react-query", "@tanstack/query-core"):
        assert f"{name} {packages[f'node_modules/{name}']['version']} (MIT)" in text
    assert text.count("Permission is hereby granted, free of charge") == len(
        re.findall(r"^\S+ [\d.]+ \(", text, re.M)
    )


def test_the_wheel_holds_the_bundle(tmp_path: Path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        prefix = "sojourn/web/static/"
        held = {info.filename: info.file_size for info in archive.infolist() if not info.is_dir()}
    wanted = {f"{prefix}{file.name}": file.stat().st_size for file in STATIC.iterdir()}
    assert {name: size for name, size in held.items() if name.startswith(prefix)} == wanted
    assert wanted[f"{prefix}account.js"] > 500
    assert wanted[f"{prefix}admin.js"] > 5000
    assert wanted[f"{prefix}shared.js"] > 40_000
    assert wanted[f"{prefix}styles.css"] > 2000


# ── small ─────────────────────────────────────────────────────────────────────────────────────


def gzipped(name: str) -> int:
    return len(gzip.compress((STATIC / name).read_bytes(), 9, mtime=0))


def reached(entry: str, *kinds: str) -> set[str]:
    """The files that *entry* loads, by the given kinds of imports, and what these load."""
    manifest = read(STATIC / "manifest.json")
    found: set[str] = set()
    ahead = [entry]
    while ahead:
        part = manifest[ahead.pop()]
        if part["file"] not in found:
            found.add(part["file"])
            ahead += [name for kind in kinds for name in part.get(kind, [])]
    return found


# What a page asks for by itself before it shows anything: the overview, and the cards beside the list.
AT_ONCE = {"admin": "src/admin/pages/now.ts"}


@pytest.mark.parametrize(
    ("part", "entry"),
    [
        ("account", "src/pages/account.tsx"),
        ("admin", "src/pages/admin.tsx"),
        ("elements", "src/elements/index.ts"),
        ("styles", "src/styles/index.css"),
        ("administration", "src/styles/admin.css"),
    ],
)
def test_what_a_page_loads_is_within_its_budgets(part: str, entry: str):
    budget = read(WEB / "budgets.json")[part]
    first = reached(entry, "imports")
    if part in AT_ONCE:
        first |= reached(AT_ONCE[part], "imports")
    later = reached(entry, "imports", "dynamicImports") - first
    assert 0 < sum(map(gzipped, first)) <= budget["first"]
    assert sum(map(gzipped, later)) <= budget["later"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_is_within_its_budgets(language: str):
    budget = read(WEB / "budgets.json")["locale"]
    assert 0 < gzipped(f"locale-{language}.json") <= budget["first"]
    assert sum(gzipped(f"locale-{language}.{part}.json") for part in ("cards", "dialogs")) <= budget["later"]


# ── harmless ──────────────────────────────────────────────────────────────────────────────────

NAMESPACES = re.compile(r"http://www\.w3\.org/(1998/Math/MathML|1999/x(html|link)|2000/(svg|xmlns/?))")
FORBIDDEN = re.compile(
    r"""\beval\s*\(|\bnew\s+Function\b|innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc"""
    r"""|sourceMappingURL|javascript:|data:[a-z]+/"""
)


@pytest.mark.parametrize("name", names(built("*.js") + built("*.css")))
def test_a_built_file_does_nothing_that_the_policy_of_the_pages_forbids(name: str):
    assert FORBIDDEN.findall((STATIC / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", [file.name for file in built() if file.name != "LICENSES.txt"])
def test_a_built_file_names_no_host(name: str):
    text = NAMESPACES.sub("", (STATIC / name).read_text(encoding="utf-8"))
    assert re.findall(r".{0,30}://.{0,30}", text) == []


@pytest.mark.parametrize("name", names(built("*.js")))
def test_a_script_imports_by_relative_addresses_only(name: str):
    text = (STATIC / name).read_text(encoding="utf-8")
    imported = re.findall(r"""(?:\bfrom|\bimport)\s*\(?\s*[`"']([^`"']+)[`"']""", text)
    # Once more what could not be had: the browser's error says the address that was asked for.
    imported = [
        address for address in imported if not (name == "client.js" and address.startswith("${/http.*/"))
    ]
    assert [address for address in imported if not (STATIC / address).is_file() or address[:2] != "./"] == []


# ── the workspace ─────────────────────────────────────────────────────────────────────────────


def imported_from_react(source: str) -> set[str]:
    """The names of values; types are gone at run time. What has no braces counts as a name too."""
    found: set[str] = set()
    for clause in re.findall(
        r"""\b(?:import|export)\s+(?!type\b)([^;"']+?)\s+from\s+["']react["']""", source
    ):
        braces = re.search(r"\{(.*)\}", clause, re.DOTALL)
        listed = [name.strip() for name in braces[1].split(",")] if braces else []
        found |= {name.split()[0] for name in listed if name and not name.startswith("type ")}
        found |= {name for name in re.sub(r"\{.*\}", "", clause, flags=re.DOTALL).split(",") if name.strip()}
    return found


def test_reading_imports():
    assert imported_from_react('import type { A } from "react";\nexport { use } from "react";') == {"use"}
    assert imported_from_react('import { type A, b,\n c as d } from "react"; import x from "y";') == {
        "b",
        "c",
    }
    assert len(imported_from_react('import * as React from "react";\nimport R, { b } from "react";')) == 3


@pytest.mark.parametrize("folder", ["react", "pages", "elements", "admin"])
def test_only_names_are_taken_from_react_that_all_its_versions_and_preact_have(folder: str):
    files = [*(WEB / "src" / folder).rglob("*.ts"), *(WEB / "src" / folder).rglob("*.tsx")]
    assert files
    used = {file.name: imported_from_react(file.read_text(encoding="utf-8")) for file in files}
    assert {name: wrong for name, found in used.items() if (wrong := found - REACT_NAMES)} == {}


REACT_SPELLING = re.compile(
    r"\b(onChange|onFocus|onBlur|onDoubleClick|defaultChecked|dangerouslySet\w+|style|stroke[A-Z]\w+)=[{\"]"
)


@pytest.mark.parametrize("file", sorted((WEB / "src" / "react").glob("*.tsx")), ids=lambda file: file.name)
def test_no_attribute_means_something_else_in_react_than_in_html(file: Path):
    assert REACT_SPELLING.findall(file.read_text(encoding="utf-8")) == []


def test_the_npm_package_has_our_version_and_our_licence():
    assert read(WEB / "package.json")["version"] == sojourn.__version__
    assert read(WEB / "package-lock.json")["version"] == sojourn.__version__
    assert (WEB / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_lock_names_no_host_and_holds_every_package_by_digest():
    text = (WEB / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in text, "run `npm run lock` in web/"
    packages = json.loads(text)["packages"]
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []
