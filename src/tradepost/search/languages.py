"""Languages in which PostgreSQL knows the stems of words; in others words are compared as they are."""

_DICTIONARIES = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}


def dictionary(locale: str) -> str | None:
    """The dictionary for a locale such as `de-AT`: one that PostgreSQL has had since version 15."""
    language = locale.replace("_", "-").partition("-")[0].lower()
    known = _DICTIONARIES.get(language)
    return f"pg_catalog.{known}_stem" if known else None
