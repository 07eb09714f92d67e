"""The errors of the knowledge base that users can see: the message is one line, ready to be shown.

KnowledgeError              1  anything that failed
├── DocumentUnreadable      2  a file that cannot be read as a document, and why
├── NotFound                3  no such document, folder or question file
├── EmbedderMissing         3  the embedder's weights are not on this machine
├── EmbedderChanged         2  the documents were indexed with another embedder
├── KnowledgeBusy           1  another process is changing the knowledge base
└── CatalogUnavailable      1  the catalog is locked, damaged, or from a newer version
"""


class KnowledgeError(Exception):
    """The base of all errors of the knowledge base."""

    exit_code = 1


class DocumentUnreadable(KnowledgeError):
    """A file without a readable document; the message is the reason, without the path."""

    exit_code = 2


class NotFound(KnowledgeError):
    """A path that is no file or no indexed document."""

    exit_code = 3


class EmbedderMissing(KnowledgeError):
    """The embedder cannot be loaded from this machine."""

    exit_code = 3


class EmbedderChanged(KnowledgeError):
    """The stored vectors are from another embedder than the current one."""

    exit_code = 2


class KnowledgeBusy(KnowledgeError):
    """Another process holds the writer lock."""


class CatalogUnavailable(KnowledgeError):
    """The catalog cannot be used; nothing was changed."""
