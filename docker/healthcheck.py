"""Whether the server answers: exit code 0, or 1 and why not.

    python healthcheck.py [URL]

/health/live is asked, and /health where a server has no such route. A refusal is an answer too.
"""

import os
import sys
import urllib.error
import urllib.request

ROUTES = ("/health/live", "/health")
# Below the time that the Dockerfile gives to both.
TIMEOUT = 2.0


def ask(url: str) -> int:
    """The status of an answer. Raises OSError when there is none."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        return error.code


def main() -> int:
    """Exit code."""
    given = f"http://127.0.0.1:{os.environ.get('SDCPP_SERVER_PORT') or 8080}"
    server = sys.argv[1] if len(sys.argv) > 1 else given
    for route in ROUTES:
        try:
            status = ask(server + route)
        except OSError as error:
            print(f"{server}{route}: {error}")
            return 1
        if status != 404:
            print(f"{server}{route}: {status}")
            return int(status >= 500)
    print(f"{server}: no server of ours")
    return 1


if __name__ == "__main__":
    sys.exit(main())
