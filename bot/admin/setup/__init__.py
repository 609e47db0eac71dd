"""``session-bot init``: finds out what the configuration needs, and writes it.

* ``answers``: the settings to write;
* ``checks``: tries each answer as soon as it is given;
* ``workspace``: what an administrator's token makes for the bot;
* ``wizard``: asks on the terminal; ``unattended``: takes the answers as they are given;
* ``config_file``: writes the file.
"""
