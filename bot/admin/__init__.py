"""What operators ask for: a module for each command of the shell, or group of commands.

``checks`` is for ``check``, ``setup`` for ``init``.
"""
