"""The schema's history; every change is a file in ``versions``, which are never edited later."""
