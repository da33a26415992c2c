"""Lets any hydra application find `curriculum=...`; imported at the start of each, so it imports hydra alone."""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin


class SparftSearchPath(SearchPathPlugin):
    """Appends sparft_verl's config groups after the application's own, which win on a name clash."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add `pkg://sparft_verl.config` to `search_path`."""
        search_path.append(provider="sparft_verl", path="pkg://sparft_verl.config")
