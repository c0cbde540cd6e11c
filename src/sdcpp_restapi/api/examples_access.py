"""Examples of bodies about keys and users, in the description of the API."""

from fastapi.openapi.models import Example

KEY: dict[str, Example] = {
    "program": {"summary": "For a program that draws", "value": {"name": "bot", "scope": "generate"}},
    "person": {
        "summary": "For a user, who sees only own jobs",
        "value": {"name": "anna-laptop", "scope": "generate", "user": "anna"},
    },
}
USER: dict[str, Example] = {
    "usual": {"summary": "With the quotas of the settings", "value": {"name": "anna"}},
    "own": {
        "summary": "With quotas of its own",
        "value": {"name": "bert", "max_pending": 5, "max_gigabytes": 2.5},
    },
}
QUOTA: dict[str, Example] = {
    "more": {"summary": "More jobs", "value": {"max_pending": 500}},
    "usual": {"summary": "As the settings say again", "value": {"max_pending": None}},
}
LOGIN: dict[str, Example] = {"key": {"value": {"key": "sdcpp_4xY0..."}}}
LINK: dict[str, Example] = {
    "day": {
        "summary": "A picture, for a day",
        "value": {"path": "550e8400-e29b-41d4-a716-446655440000/image_0.png", "seconds": 86400},
    }
}
