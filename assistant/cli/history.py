"""`assistant history`: list, search and delete chats."""

from cyclopts import App

from assistant.cli.output import note, say, say_json
from assistant.feedback.store import Store
from assistant.terminal import one_line

history = App(name="history", help="List, search and delete chats.", help_format="plaintext")


@history.default
@history.command(name="list")
def list_(search: str = "", *, limit: int = 100, json: bool = False) -> None:
    """List the chats, newest first, or only those that contain the words searched for.

    Example:

      assistant history "refund"
      assistant history list

    Parameters
    ----------
    search
        Words in a chat's title or messages.
    limit
        Print at most this many.
    json
        Print one JSON list.
    """
    with Store.open() as store:
        chats = store.chats.newest(search or None, limit)
    if json:
        say_json([{"id": c.id, "title": c.title, "updated": c.updated, "messages": c.messages} for c in chats])
        return
    for chat in chats:
        say(
            f"{chat.id}  {chat.updated[:16].replace('T', ' ')}  {chat.messages:4}  {one_line(chat.title) or 'untitled'}"
        )
    if not chats:
        note("No chats yet." if not search else "No chat contains these words.")


@history.command(name="delete")
def delete(id: str, *, json: bool = False) -> None:
    """Delete a chat everywhere: messages, answers, ratings and rankings. This cannot be undone.

    Parameters
    ----------
    id
        The chat's id or its beginning.
    json
        Print one JSON object.
    """
    with Store.open() as store:
        gone = store.deletions.delete_chat(id)
    if json:
        say_json(
            {
                "messages": gone.messages,
                "completions": gone.completions,
                "ratings": gone.ratings,
                "rankings": gone.rankings,
                "marks": gone.marks,
                "model_versions": list(gone.model_versions),
            }
        )
        return
    judged = gone.ratings + gone.rankings + gone.marks
    say(f"Deleted {gone.messages} messages, {gone.completions} answers, {judged} judgements.")
    if gone.model_versions:
        say(f"These model versions learned from it: {', '.join(gone.model_versions)}")
