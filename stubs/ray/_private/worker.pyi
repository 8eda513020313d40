class _Node:
    def get_session_dir_path(self) -> str: ...

_global_node: _Node
