"""What is spoken with Rocket.Chat: REST, OAuth and the websocket.

Every module of this package comes after this one, so aiohttp is loaded here first.
"""

import os
from typing import Final

# As it is loaded, aiohttp reads the certificates that the system trusts, twice, which takes 55 ms
# and a MiB each time; ``make_tls_context`` reads them once, where the workspace is reached by TLS.
# frozenlist's extension loads the library of C++, another MiB, for lists that aiohttp seldom uses.
_WHILE_LOADED: Final = {"SSL_CERT_FILE": os.devnull, "FROZENLIST_NO_EXTENSIONS": "1"}
_USUAL: Final = {name: os.environ[name] for name in _WHILE_LOADED if name in os.environ}
os.environ |= _WHILE_LOADED
import aiohttp  # noqa: E402, F401 - see above

for _name in _WHILE_LOADED:
    del os.environ[_name]
os.environ |= _USUAL
