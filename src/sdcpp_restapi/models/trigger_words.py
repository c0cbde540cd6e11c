"""A model's title and trigger words, as trainers write them into its file or CivitAI's tools beside it."""

import json
from collections import Counter
from collections.abc import Mapping

# Trainers count every tag of every picture: the first few name what was trained, the rest describe it.
MOST_TAGS = 10
MOST_WORDS = 100
MOST_LENGTH = 500


def find_title(metadata: Mapping[str, str]) -> str | None:
    """What the file calls the model: ModelSpec (https://github.com/Stability-AI/ModelSpec), GGUF, kohya."""
    names = (metadata.get(key, "") for key in ("modelspec.title", "general.name", "ss_output_name"))
    return next((name.strip()[:MOST_LENGTH] for name in names if name.strip()), None)


def find_trigger_words(metadata: Mapping[str, str]) -> list[str]:
    """The phrase that the trainer noted, else the most frequent tags of the training pictures."""
    phrase = metadata.get("modelspec.trigger_phrase", "")
    return clean_words(phrase.split(",")) or _find_frequent_tags(metadata.get("ss_tag_frequency", ""))


def clean_words(words: object) -> list[str]:
    """Texts of a list that may hold anything, each once."""
    if not isinstance(words, list):
        return []
    texts = (word.strip()[:MOST_LENGTH] for word in words if isinstance(word, str))
    return list(dict.fromkeys(text for text in texts if text))[:MOST_WORDS]


def _find_frequent_tags(text: str) -> list[str]:
    """kohya's form: folder of pictures -> tag -> how many pictures have it."""
    try:
        folders = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return []
    count: Counter[str] = Counter()
    for tags in folders.values() if isinstance(folders, dict) else ():
        for tag, number in tags.items() if isinstance(tags, dict) else ():
            if isinstance(number, int):
                count[tag.strip()] += number
    return clean_words([tag for tag, _ in count.most_common(MOST_TAGS)])
