"""The catalogue of data sets: what they are, where their files lie on this machine, and whether they are whole."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from levinthal.datasets.download import FIRST_FETCH, checksum_of, download
from levinthal.datasets.formats import check_of
from levinthal.errors import DataError, UsageError
from levinthal.files.writing import write_whole
from levinthal.plugins import unknown


@dataclass(frozen=True)
class Download:
    """A file of a data set.

    Attributes
    ----------
    url : str
        Where it is.
    name : str
        What it is called here.
    checksum : str
        `algorithm:hexdigest`, or `first-fetch` where the publisher gives none.
    n_bytes : int or None
        Its size, where known.
    most_bytes : int
        What is larger is not the file.
    """

    url: str
    name: str
    checksum: str
    n_bytes: int | None = None
    most_bytes: int = 100_000_000


@dataclass(frozen=True)
class DataSet:
    """A named, versioned set of files, or one that the project makes itself (`made_by`)."""

    name: str
    version: str
    description: str
    licence: str
    source: str
    made_by: str | None = None
    downloads: tuple[Download, ...] = ()

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return data_folder() / f"{self.name.replace(':', '-')}-{self.version}"

    def state(self) -> str:
        """Return `made here`, `here`, `partly here` or `not here`, by which files are there."""
        if self.made_by is not None:
            return "made here"
        there = sum(self._is_there(each) for each in self.downloads)
        return "here" if there == len(self.downloads) else "partly here" if there else "not here"

    def fetch(self) -> str:
        """Fetch what is not here and return one line on what is there now.

        Raises
        ------
        DataError
            A file cannot be fetched or is not what it should be; files fetched before are kept.
        """
        if self.made_by is not None:
            return f"{self.name} needs no download: {self.made_by} makes it"
        for each in self.downloads:
            if self._is_there(each) and self._expected(each) is not None:
                continue
            memory = self._memory(each)
            download(
                each.url,
                self._path(each),
                self._expected(each) or FIRST_FETCH,
                most_bytes=each.most_bytes,
                n_bytes=each.n_bytes,
                check=check_of(each.name) if each.checksum == FIRST_FETCH else None,
                remember=partial(_remember, memory) if each.checksum == FIRST_FETCH else None,
            )
        return f"{self.name}: {len(self.downloads)} file(s) in {self.folder}"

    def files(self) -> tuple[Path, ...]:
        """Return where its files are.

        Raises
        ------
        DataError
            One has not been fetched.
        """
        if not all(map(self._is_there, self.downloads)):
            raise DataError(f"{self.name} is not here: levinthal data fetch {self.name}")
        return tuple(map(self._path, self.downloads))

    def verify(self) -> str:
        """Compare each file with its checksum and return one line.

        Raises
        ------
        DataError
            A file is not what it should be.
        """
        if self.made_by is not None:
            return f"made by the project: {self.made_by}"
        if self.state() == "not here":
            return f"not here: levinthal data fetch {self.name}"
        for each in self.downloads:
            target = self._path(each)
            expected = self._expected(each)
            if not self._is_there(each):
                raise DataError(f"{target} is missing: levinthal data fetch {self.name}")
            if expected is None:
                raise DataError(
                    f"nobody can say whether {target} is whole, since {self._memory(each).name} beside it is missing "
                    f"or damaged: levinthal data fetch {self.name} fetches it again"
                )
            try:
                found = checksum_of(target, expected.partition(":")[0])
            except OSError as error:
                raise DataError(f"{target} cannot be read: {error.strerror}: check its permissions") from None
            if found != expected:
                raise DataError(f"{target} is damaged: delete it, then levinthal data fetch {self.name}")
        return f"{len(self.downloads)} file(s) are whole"

    def _path(self, each: Download) -> Path:
        """Return where a file lies: directly in the folder, whatever its name says, and not a link.

        Raises
        ------
        DataError
            The name leads elsewhere, or a link lies there.
        """
        path = self.folder / each.name
        if Path(each.name).name != each.name or each.name in ("", "..") or "\0" in each.name:
            raise DataError(
                f"{self.name} has a file called {each.name!r}, which leads out of its folder: it is refused"
            )
        if path.is_symlink():
            raise DataError(f"{path} is a link, and none is followed here: replace it by the file")
        return path

    def _is_there(self, each: Download) -> bool:
        return self._path(each).is_file()

    def _expected(self, each: Download) -> str | None:
        """Return the checksum of a file, published or of the first fetch; None where that is not on record."""
        if each.checksum != FIRST_FETCH:
            return each.checksum
        memory = self._memory(each)
        try:
            found = "" if memory.is_symlink() else memory.read_bytes()[:200].decode("ascii").strip()
        except (OSError, ValueError):
            return None
        return found if re.fullmatch(r"sha256:[0-9a-f]{64}", found) else None

    def _memory(self, each: Download) -> Path:
        return self._path(each).with_name(f"{each.name}.sha256")


def _remember(memory: Path, checksum: str) -> None:
    if memory.is_symlink():
        raise DataError(f"{memory} is a link, and none is followed here: delete it")
    write_whole(memory, checksum + "\n")


def data_folder() -> Path:
    """Return where data sets are kept: `LEVINTHAL_DATA`, or `levinthal` in the user's cache folder."""
    chosen = os.environ.get("LEVINTHAL_DATA")
    if chosen:
        return Path(chosen)
    cache_home = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache_home) if cache_home else Path.home() / ".cache") / "levinthal"


@cache
def data_sets() -> tuple[DataSet, ...]:
    """Return the catalogue."""
    text = files("levinthal.datasets").joinpath("catalogue.toml").read_text(encoding="utf-8")
    return tuple(_read(name, entry) for name, entry in tomllib.loads(text).items())


def _read(name: str, entry: dict[str, Any]) -> DataSet:
    downloads = tuple(
        Download(
            entry["base_url"] + file["path"],
            file.get("save_as", file["path"]),
            file["checksum"],
            file.get("bytes"),
            file.get("most_bytes", Download.most_bytes),
        )
        for file in entry.get("files", ())
    )
    for each in entry.get("complexes", "").split():
        downloads += complex_downloads(entry["base_url"], *each.split("_"))
    return DataSet(
        name=name,
        version=entry["version"],
        description=entry["description"],
        licence=entry["licence"],
        source=entry["source"],
        made_by=entry.get("made_by"),
        downloads=downloads,
    )


def complex_downloads(base_url: str, entry: str, component: str) -> tuple[Download, Download]:
    """Return a crystal complex as two files: an entry of the Protein Data Bank, and the definition of its ligand."""
    return (
        Download(f"{base_url}download/{entry}.cif", f"{entry}.cif", FIRST_FETCH),
        Download(f"{base_url}ligands/download/{component}.cif", f"{entry}-ligand-{component}.cif", FIRST_FETCH),
    )


def data_set(name: str) -> DataSet:
    """Return a data set by its name in the catalogue, or an entry of the Protein Data Bank as `pdb:1FME`.

    Raises
    ------
    UsageError
        There is none of that name.
    """
    kind, _, code = name.partition(":")
    if kind == "pdb":
        return _protein_data_bank(code)
    known = {each.name: each for each in data_sets()}
    if name not in known:
        raise unknown("data set", name, known)
    return known[name]


def _protein_data_bank(code: str) -> DataSet:
    """Return an entry as a data set of one PDB file; the archive publishes no checksums of these."""
    if not re.fullmatch(r"[1-9][A-Za-z0-9]{3}", code):
        raise UsageError(f"pdb:{code} is not an entry of the Protein Data Bank: give its four characters, as pdb:1FME")
    entry = code.upper()
    return DataSet(
        name=f"pdb:{entry}",
        version="1",
        description=f"entry {entry} of the Protein Data Bank",
        licence="CC0-1.0",
        source=f"doi:10.2210/pdb{entry}/pdb",
        downloads=(Download(f"https://files.rcsb.org/download/{entry}.pdb", f"{entry}.pdb", FIRST_FETCH),),
    )
