"""A network that cannot be opened leaves nothing open, and work that fails begins again."""

import shutil

import pytest

from freehold import settings
from freehold.settings import BadSetting
from freehold.site import Site
from freehold.site.keeping import LONGEST_PAUSE_SECONDS, Pauses
from support.inside import opened


@pytest.mark.parametrize("step", ["_open_identity", "_open_pds", "_open_account_life", "_open_appview"])
def test_what_fails_half_way_closes_what_it_had_open(tmp_path, shared, monkeypatch, step):
    with opened(tmp_path / "town", shared):
        pass

    def fails(self, *given) -> None:
        raise BadSetting("It cannot be.")

    with monkeypatch.context() as patch:
        patch.setattr(Site, step, fails)
        with pytest.raises(BadSetting), opened(tmp_path / "town", shared):
            pass
    assert not [path.name for path in (tmp_path / "town").iterdir() if path.name.endswith(("-wal", "-shm"))]
    with opened(tmp_path / "town", shared):
        pass


def test_a_key_that_is_not_there_lets_the_directory_go(tmp_path, shared):
    with opened(tmp_path / "town", shared):
        pass
    shutil.move(tmp_path / "town" / "unlock.key", tmp_path / "unlock.key")
    for _ in range(2):
        with pytest.raises(Exception, match="The unlock key is not there"), opened(tmp_path / "town", shared):
            pass
    shutil.move(tmp_path / "unlock.key", tmp_path / "town" / "unlock.key")
    with opened(tmp_path / "town", shared):
        pass


def test_a_work_that_had_a_good_while_begins_soon_again():
    pauses = Pauses()
    assert [pauses.after(0.1) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert [pauses.after(LONGEST_PAUSE_SECONDS + 1), pauses.after(0.1), pauses.after(0.1)] == [1, 2, 4]


def test_one_setting_is_written_and_the_others_stay(tmp_path):
    path = tmp_path / settings.FILE
    settings.put(tmp_path, "unlock", "env")
    assert path.read_text() == 'unlock = "env"\n'
    path.write_text('# unlock = "prompt"\nlog_level = "debug" # loud\nunlock="env"\n')
    settings.put(tmp_path, "unlock", "systemd")
    assert path.read_text() == '# unlock = "prompt"\nlog_level = "debug" # loud\nunlock = "systemd"\n'
    assert settings.load(tmp_path).unlock == "systemd"
