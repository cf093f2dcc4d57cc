"""The revisions. A published one is never edited; a change is a new one."""
