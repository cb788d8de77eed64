import zipfile

import numpy as np
import pytest

from jfdask.errors import DumpError, SettingsError
from jfdask.ratings.dump import open_dump


@pytest.fixture
def folder(tmp_path):
    inside = tmp_path / "download" / "ml-tiny"
    inside.mkdir(parents=True)
    (inside / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,1,4.5,7\n")
    (inside / "links.csv").write_text("movieId,imdbId,tmdbId\n1,0114709,862\n")
    (inside / "README.txt").write_text("licence\n")
    return inside.parent


@pytest.fixture
def archive(folder):
    path = folder / "ml-tiny.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as files:
        for file in sorted((folder / "ml-tiny").iterdir()):
            files.write(file, f"ml-tiny/{file.name}")
        files.writestr("__MACOSX/ml-tiny/ratings.csv", "junk")
    return path


def test_a_folder_a_subfolder_and_a_zip_file_are_one_dump(folder, archive):
    dumps = [open_dump(path) for path in (folder, folder / "ml-tiny", archive)]
    assert [dump.name for dump in dumps] == ["download", "ml-tiny", "ml-tiny"]
    assert len({dump.sha256() for dump in dumps}) == 1
    for dump in dumps:
        assert dump.is_csv
        assert [name.rpartition("/")[2] for name in dump.files] == ["ratings.csv", "links.csv"]
        with dump.open(dump.ratings) as stream:
            assert stream.read().endswith(b"1,1,4.5,7\n")
        assert dump.size(dump.ratings) == 42


def test_another_rating_is_another_dump(folder):
    before = open_dump(folder).sha256()
    path = folder / "ml-tiny" / "ratings.csv"
    path.write_text(path.read_text().replace("4.5", "3.5"))
    assert open_dump(folder).sha256() != before


def test_nothing_there(tmp_path):
    with pytest.raises(SettingsError, match="There is no"):
        open_dump(tmp_path / "nowhere")


def test_what_is_missing_is_named(folder):
    (folder / "ml-tiny" / "links.csv").unlink()
    with pytest.raises(DumpError, match=r"no links\.csv and no movies\.csv beside ml-tiny/ratings"):
        open_dump(folder)
    (folder / "ml-tiny" / "ratings.csv").unlink()
    with pytest.raises(DumpError, match=r"no ratings\.csv or ratings\.dat in "):
        open_dump(folder)


def test_two_dumps_in_one_folder(folder):
    (folder / "ratings.dat").touch()
    with pytest.raises(DumpError, match=r"ml-tiny/ratings\.csv, ratings\.dat"):
        open_dump(folder)


def test_a_file_that_is_no_zip(folder):
    with pytest.raises(DumpError, match="neither a folder nor a whole zip file"):
        open_dump(folder / "ml-tiny" / "README.txt")
    with pytest.raises(SettingsError, match=rf"Give its folder: {folder / 'ml-tiny'}"):
        open_dump(folder / "ml-tiny" / "ratings.csv")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_file_with_any_damage_is_told_of(folder, method):
    chance, path = np.random.default_rng(0), folder / "damaged.zip"
    with zipfile.ZipFile(path, "w", method) as files:
        for file in sorted((folder / "ml-tiny").iterdir()):
            files.write(file, file.name)
    whole, n_told = path.read_bytes(), 0
    for _ in range(300):
        data = bytearray(whole)
        at = int(chance.integers(len(data) - 4))
        data[at : at + 4] = chance.bytes(4)
        path.write_bytes(bytes(data))
        try:
            open_dump(path).sha256()
        except DumpError:
            n_told += 1
    assert n_told > 100


def test_a_zip_file_cut_short(archive):
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(DumpError, match="Download it again"):
        open_dump(archive)


def test_a_zip_file_with_a_damage_inside(archive):
    data = bytearray(archive.read_bytes())
    at = data.index(b"ratings.csv") + len("ratings.csv")
    data[at + 5 : at + 25] = b"\xff" * 20
    archive.write_bytes(bytes(data))
    dump = open_dump(archive)
    with pytest.raises(DumpError, match=r"ratings\.csv of .* cannot be read to its end"):
        dump.sha256()
