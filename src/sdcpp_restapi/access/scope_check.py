"""The scope that something needs, and who has it not."""

from ..errors import ScopeMissing
from ..requester import REQUESTER, Requester
from ..schemas.access import KeyScope


def check_scope(needed: KeyScope, what: str, requester: Requester | None = None) -> None:
    """Raises ScopeMissing unless the requester, by default that of the request at hand, may do this."""
    asking = requester or REQUESTER.get()
    if not asking.may(needed):
        raise ScopeMissing(
            f"{what} needs a key with the scope {needed}; {asking.key_name} has the scope {asking.scope}"
        )
