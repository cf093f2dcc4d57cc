"""``webhook``: URLs that the server posts events to."""

import json
from typing import Annotated

import typer

from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.commands.options import (
    AllowPrivateWebhooks,
    AsJson,
    DatabaseUrl,
    DataDir,
    WebhookCaFile,
    webhook_poster,
)
from signotaur_keyserver.domain.webhooks import Webhook, WebhookType
from signotaur_keyserver.pki.master_key import Sealer
from signotaur_keyserver.service import webhook_sender, webhooks
from signotaur_keyserver.service.administration import AdministrationError
from signotaur_keyserver.service.webhook_post import UndeliveredError
from signotaur_keyserver.store.webhooks import Delivery
from signotaur_wire.members import Json, format_optional_time, format_time

app = typer.Typer(
    help="Add, list, test and remove webhooks. Show their deliveries.", no_args_is_help=True
)

Url = Annotated[str, typer.Argument(metavar="URL", help="Where to send: https://HOST/PATH.")]
WebhookId = Annotated[int, typer.Argument(metavar="ID", help="As webhook list shows it.")]
OfWebhook = Annotated[
    int | None, typer.Argument(metavar="[ID]", help="One webhook; default: all of them.")
]
Types = Annotated[
    list[WebhookType] | None,
    typer.Option("--event", help="What to tell of; repeatable; default: everything."),
]
Limit = Annotated[
    int, typer.Option("--limit", min=1, help="How many of the latest to show.", metavar="NUMBER")
]


@app.command()
def add(url: Url, data_dir: DataDir, event: Types = None, database: DatabaseUrl = None) -> None:
    """Add a webhook and print only its secret. The receiver checks signatures with it."""
    sealer = Sealer.in_folder(data_dir)
    with data_folder.existing(data_dir, database) as opened:
        webhook_id, secret = webhooks.add_webhook(opened, sealer, url, event or ())
    typer.echo(secret)
    typer.echo(f"webhook {webhook_id} added; its secret is shown only once", err=True)


@app.command("list")
def list_webhooks(
    data_dir: DataDir,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
    database: DatabaseUrl = None,
) -> None:
    """List every webhook with the types that it gets."""
    with data_folder.existing(data_dir, database) as opened:
        listed = webhooks.list_webhooks(opened)
    if as_json:
        typer.echo(json.dumps([_webhook_json(each) for each in listed], indent=2))
        return
    for each in listed:
        typer.echo(f"{each.id:>6}  {each.url}  {', '.join(each.events) or 'everything'}")


@app.command()
def remove(webhook_id: WebhookId, data_dir: DataDir, database: DatabaseUrl = None) -> None:
    """Remove a webhook with its deliveries."""
    with data_folder.existing(data_dir, database) as opened:
        webhooks.remove_webhook(opened, webhook_id)
    typer.echo(f"webhook {webhook_id} is removed", err=True)


@app.command("test")
def send_test(
    webhook_id: WebhookId,
    data_dir: DataDir,
    allow_private_webhooks: AllowPrivateWebhooks = False,  # noqa: FBT002
    webhook_ca_file: WebhookCaFile = None,
    database: DatabaseUrl = None,
) -> None:
    """Send a test message now, and say what the receiver answered."""
    sealer = Sealer.in_folder(data_dir)
    poster = webhook_poster(allow_private=allow_private_webhooks, ca_file=webhook_ca_file)
    with data_folder.existing(data_dir, database) as opened:
        with opened.read() as connection:
            webhook = webhooks.require_webhook(connection, webhook_id)
        try:
            status = webhook_sender.send_test(opened, sealer, poster, webhook)
        except UndeliveredError as error:
            raise AdministrationError(f"webhook {webhook_id}: {error}") from None
    typer.echo(f"webhook {webhook_id}: the receiver answered {status}", err=True)


@app.command()
def deliveries(
    data_dir: DataDir,
    webhook_id: OfWebhook = None,
    as_json: AsJson = False,  # noqa: FBT002
    limit: Limit = 100,
    database: DatabaseUrl = None,
) -> None:
    """Show the latest deliveries, oldest first. Each has its result, and when it is tried again."""
    with data_folder.existing(data_dir, database) as opened:
        listed = webhooks.list_deliveries(opened, webhook_id, limit)
    if as_json:
        typer.echo(json.dumps([_delivery_json(each) for each in listed], indent=2))
        return
    for each in listed:
        typer.echo(
            f"{format_time(each.created_at_utc)}  webhook {each.webhook_id}  {each.type:<18}  "
            f"{each.attempts} attempts  {_outcome(each)}"
        )


def _outcome(delivery: Delivery) -> str:
    if delivery.delivered_at_utc is not None:
        return f"delivered {format_time(delivery.delivered_at_utc)} ({delivery.status})"
    if delivery.next_attempt_at_utc is None:
        return f"given up: {delivery.error}"
    why = f" ({delivery.error})" if delivery.error else ""
    return f"next attempt {format_time(delivery.next_attempt_at_utc)}{why}"


def _webhook_json(webhook: Webhook) -> Json:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.events),
        "enabled": webhook.enabled,
        "createdAt": format_time(webhook.created_at_utc),
    }


def _delivery_json(delivery: Delivery) -> Json:
    return {
        "id": delivery.id,
        "webhookId": delivery.webhook_id,
        "type": delivery.type,
        "payload": delivery.payload,
        "createdAt": format_time(delivery.created_at_utc),
        "attempts": delivery.attempts,
        "nextAttemptAt": format_optional_time(delivery.next_attempt_at_utc),
        "deliveredAt": format_optional_time(delivery.delivered_at_utc),
        "status": delivery.status,
        "error": delivery.error,
    }
