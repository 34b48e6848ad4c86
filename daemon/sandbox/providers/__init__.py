"""One file a vendor, written from the vendor's documentation; `make_providers` makes them all."""

from collections.abc import Mapping

from daemon.sandbox.providers.activecampaign import ActiveCampaign
from daemon.sandbox.providers.auth import Auth
from daemon.sandbox.providers.base import Provider, World
from daemon.sandbox.providers.fcm import Fcm
from daemon.sandbox.providers.hubspot import HubSpot
from daemon.sandbox.providers.intercom import Intercom
from daemon.sandbox.providers.klaviyo import Klaviyo
from daemon.sandbox.providers.mailgun import Mailgun
from daemon.sandbox.providers.messenger import Messenger
from daemon.sandbox.providers.outlook import Outlook
from daemon.sandbox.providers.plivo import Plivo
from daemon.sandbox.providers.pusher import Pusher
from daemon.sandbox.providers.sendgrid import SendGrid
from daemon.sandbox.providers.ses import Ses
from daemon.sandbox.providers.sfmc import Sfmc
from daemon.sandbox.providers.slack import Slack
from daemon.sandbox.providers.twilio import Twilio
from daemon.sandbox.providers.vonage import Vonage
from daemon.sandbox.providers.webhook import Webhook
from daemon.sandbox.providers.whatsapp import WhatsApp
from daemon.sandbox.providers.woocommerce import WooCommerce
from daemon.sandbox.providers.zoho import Zoho

_PLAIN: tuple[type[Provider], ...] = (
    Twilio, Vonage, Plivo, SendGrid, Mailgun, Ses, Slack, WhatsApp, Messenger, Intercom, Pusher,
    ActiveCampaign, Klaviyo, HubSpot, WooCommerce, Webhook,
)  # fmt: skip


def make_providers(world: World) -> Mapping[str, Provider]:
    """All of them, by the first segment of their path."""
    outlook, fcm, sfmc, zoho = Outlook(world), Fcm(world), Sfmc(world), Zoho(world)
    auth = Auth(world, outlook=outlook, fcm=fcm, sfmc=sfmc, zoho=zoho)
    return {p.name: p for p in (*(kind(world) for kind in _PLAIN), outlook, fcm, sfmc, zoho, auth)}
