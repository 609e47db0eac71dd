from pathlib import Path

import pytest

from bot.errors import StorageError
from bot.storage.file_watch import FileWatch

NAMES = ("bot.db", "bot.db-wal")


@pytest.fixture
def watch(tmp_path: Path) -> FileWatch:
    for name in NAMES:
        (tmp_path / name).touch()
    return FileWatch(tmp_path / NAMES[0])


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_deleted_or_replaced_is_noticed_until_it_is_back(
    watch: FileWatch, tmp_path: Path, name: str
) -> None:
    path, away = tmp_path / name, tmp_path / "away"
    path.write_text("what is written into it changes nothing")
    watch.check()
    path.rename(away)
    with pytest.raises(StorageError, match="deleted or replaced"):
        watch.check()
    path.touch()
    with pytest.raises(StorageError, match="deleted or replaced"):
        watch.check()
    away.rename(path)
    watch.check()
