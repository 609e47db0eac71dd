"""Small databases of places, written for a test."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

LISBON = {
    "city": {"names": {"en": "Lisbon", "de": "Lissabon", "pt-BR": "Lisboa"}},
    "country": {"iso_code": "PT", "names": {"en": "Portugal"}},
}
SWITZERLAND = {"country": {"iso_code": "CH"}}
"""Of a database of countries."""


def write_places(file: Path, places: Mapping[str, Any]) -> Path:
    """Write a file in which these networks have these records."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Test-City")
    for network, record in places.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(file))
    return file
