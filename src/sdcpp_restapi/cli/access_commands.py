"""`sdcpp keys ...` and `sdcpp users ...`; what they do is in access.py, imported when one is called."""

from typing import Annotated

import typer

from . import options as o

_WHERE = (
    "[dim]They act in the data directory while no server runs there, else by the running server; --server"
    " names another one.[/dim]"
)
keys = typer.Typer(
    help="Make, list and revoke API keys.",
    epilog="[bold]Examples[/bold]\n\nsdcpp keys add laptop --scope manage\n\n"
    f"sdcpp keys add anna-phone --user anna\n\nsdcpp keys revoke laptop\n\n{_WHERE}",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
users = typer.Typer(
    help="Add, list, change and remove users.",
    epilog="[bold]Examples[/bold]\n\nsdcpp users add anna --max-pending 20\n\n"
    f"sdcpp users set anna --max-gigabytes 5\n\n{_WHERE}",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Server = Annotated[
    str | None,
    typer.Option("--server", envvar="SDCPP_URL", help="Address of the server.", rich_help_panel=o.SERVER),
]
Json = Annotated[bool, typer.Option("--json", help="For programs.", show_default=False)]
KeyName = Annotated[str, typer.Argument(metavar="NAME", help="What it is called.", show_default=False)]
UserName = Annotated[str, typer.Argument(metavar="NAME", help="The user.", show_default=False)]
MaxPending = Annotated[
    int | None,
    typer.Option(help="Waiting jobs at a time; default: users.max_pending.", show_default=False),
]
MaxGigabytes = Annotated[
    float | None,
    typer.Option(help="Files, with the trash; default: users.max_gigabytes.", show_default=False),
]


@keys.command("add")
def add_key(
    name: KeyName,
    scope: Annotated[
        str, typer.Option(help="read, generate (and read), or manage (everything).")
    ] = "generate",
    user: Annotated[str | None, typer.Option(help="Whose key it is.", show_default=False)] = None,
    as_json: Json = False,
    server: Server = None,
    api_key: o.ApiKey = None,
    data_dir: o.DataDir = None,
    config: o.Config = None,
) -> None:
    """Make a key, and print it: it is shown only here."""
    from ..schemas.access import KeyRequest
    from .access import administration, show_made
    from .arguments import checked

    wanted = checked(KeyRequest, name=name, scope=scope, user=user)
    with administration(server, api_key, data_dir, config) as admin:
        made = admin.add_key(wanted)
    show_made(made, as_json)


@keys.command("list")
def list_keys(
    as_json: Json = False,
    server: Server = None,
    api_key: o.ApiKey = None,
    data_dir: o.DataDir = None,
    config: o.Config = None,
) -> None:
    """List the keys, without their secrets."""
    from .access import administration, show_keys

    with administration(server, api_key, data_dir, config) as admin:
        found = admin.keys()
    show_keys(found, as_json)


@keys.command("revoke")
def revoke_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name or id.", show_default=False)],
    server: Server = None,
    api_key: o.ApiKey = None,
    data_dir: o.DataDir = None,
    config: o.Config = None,
) -> None:
    """Revoke a key: nobody comes in with it any more, and who is in goes out."""
    from .access import administration

    with administration(server, api_key, data_dir, config) as admin:
        told = admin.revoke_key(name)
    typer.echo(told)


@users.command("add")
def add_user(
    name: UserName,
    max_pending: MaxPending = None,
    max_gigabytes: MaxGigabytes = None,
    as_json: Json = False,
    server: Server = None,
    api_key: o.ApiKey = None,
    data_dir: o.DataDir = None,
    config: o.Config = None,
) -> None:
    """Add a user, who comes in with keys: [bold]sdcpp keys add NAME --user USER[/bold]."""
    from ..schemas.access import UserRequest
    from .access import administration, show_users
    from .arguments import checked

    wanted = checked(UserRequest, name=name, max_pending=max_pending, max_gigabytes=max_gigabytes)
    with administration(server, api_key, data_dir, config) as admin:
        made = admin.add_user(wanted)
    show_users([made], as_json)


@users.command("list")
def list_users(
    as_json: Json = False,
    server: Server = None,
    api_key: o.ApiKey = None,
    data_dir: o.DataDir = None,
    config: o.Config = None,
) -> None:
    """List the users, with what they use of their quotas."""
    from .access import administration, show_users

    with administration(server, api_key, data_dir, config) as admin:
        found = admin.users()
    show_users(found.users, as_json)


@users.command("set")
def set_quotas(
    name: UserName,
    max_pending: MaxPending = None,
    max_gigabytes: MaxGigabytes = None,
    usual: Annotated[
        bool,
        typer.Option("--usual", help="Those that are not given: as the settings say.", show_default=False),
    ] = False,
    as_json: Json = False,
    server: Server = None,
    api_key: o.ApiKey = None,
    data_dir: o.DataDir = None,
    config: o.Config = None,
) -> None:
    """Give a user other quotas; what is not given stays."""
    from ..schemas.access import QuotaUpdate
    from .access import administration, show_users
    from .arguments import checked

    given = {"max_pending": max_pending, "max_gigabytes": max_gigabytes}
    wanted = checked(QuotaUpdate, **(given if usual else o.drop_unset(**given)))
    with administration(server, api_key, data_dir, config) as admin:
        changed = admin.change_user(name, wanted)
    show_users([changed], as_json)


@users.command("remove")
def remove_user(
    name: UserName,
    server: Server = None,
    api_key: o.ApiKey = None,
    data_dir: o.DataDir = None,
    config: o.Config = None,
) -> None:
    """Remove a user and revoke the user's keys. Jobs and files stay, for keys that manage to see."""
    from .access import administration

    with administration(server, api_key, data_dir, config) as admin:
        told = admin.remove_user(name)
    typer.echo(told)
