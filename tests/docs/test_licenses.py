"""What is installed with the server has a license that lets it be passed on with an MIT-licensed program."""

import re
from importlib.metadata import Distribution, distributions

from tests.docs.source_tree import ROOT

# As SPDX has them, and as the older classifiers do. Weak copyleft (MPL) is about its own files only.
ALLOWED = re.compile(
    r"MIT(-0|-CMU)?|BSD(-[23]-Clause)?|0BSD|ISC|Apache(-2\.0)?|PSF-2\.0|MPL-2\.0|Zlib|CC0-1\.0|Unlicense"
)
SPDX_OF = {
    "MIT License": "MIT",
    "BSD License": "BSD",
    "Apache Software License": "Apache",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


def read_licenses(package: Distribution) -> list[str]:
    """The licenses of a package; of those with OR between them, the first that is allowed."""
    metadata = package.metadata
    classifiers = [one for one in metadata.get_all("Classifier") or [] if one.startswith("License :: ")]
    named = [one.rpartition(" :: ")[2] for one in classifiers]
    # The oldest field is for any text; it is asked last.
    expression = metadata.get("License-Expression") or (not named and metadata.get("License")) or ""
    if not expression:
        return [SPDX_OF.get(name, name) for name in named if name != "OSI Approved"]
    return [
        next((one for one in choice.split(" OR ") if ALLOWED.fullmatch(one)), choice)
        for choice in expression.replace("(", "").replace(")", "").split(" AND ")
    ]


def test_every_package_that_is_installed_with_the_server_has_a_known_and_suitable_license() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    locked = {_normalize(name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    found = {_normalize(one.metadata["Name"]): read_licenses(one) for one in distributions()}
    licenses = {name: found[name] for name in locked & set(found)}
    assert len(licenses) > 50
    unsuitable = {
        name: said
        for name, said in licenses.items()
        if not said or not all(ALLOWED.fullmatch(one) for one in said)
    }
    assert unsuitable == {}


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
