"""The journal: the new key on disk before the first request, until the rotation is finished.

A journal belongs to one key on one server. Several keys can be rotated side by side on one
machine; a run that was interrupted is finished from its own journal.
"""

from signotaur_action.files.journal.entry import belongs_to
from signotaur_action.files.journal.file import FileJournal
from signotaur_action.files.journal.place import JournalPlace, file_locked, journals_of

__all__ = ["FileJournal", "JournalPlace", "belongs_to", "file_locked", "journals_of"]
