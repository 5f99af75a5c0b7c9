"""Hears the stream, and says on hello_world/client/ears who spoke.

The component client gives it HELLOX_BROKER, HELLOX_USER, HELLOX_PASSWORD_FILE and
HELLOX_CA. The kubelet renews the password, so it is read anew at each connect.
"""

import os
import signal
import ssl
import sys
from urllib.parse import urlparse

import paho.mqtt.client as mqtt

OWN = "hello_world/client/ears"


def identify(client):
    with open(os.environ["HELLOX_PASSWORD_FILE"]) as file:
        client.username_pw_set(os.environ["HELLOX_USER"], file.read())


def connected(client, userdata, flags, code, *properties):
    print("connected:", code, flush=True)
    client.subscribe("hello_world/broadcast/#", qos=1)


def disconnected(client, *why):
    identify(client)


def heard(client, userdata, message):
    client.publish(OWN, "heard " + message.topic.rsplit("/", 1)[-1], qos=1)


# paho-mqtt 2 asks which form the callbacks have.
version = [mqtt.CallbackAPIVersion.VERSION2] if hasattr(mqtt, "CallbackAPIVersion") else []
client = mqtt.Client(*version, client_id="ears")
client.on_connect, client.on_disconnect, client.on_message = connected, disconnected, heard
context = ssl.create_default_context(cafile=os.environ["HELLOX_CA"])
context.minimum_version = ssl.TLSVersion.TLSv1_3
client.tls_set_context(context)
identify(client)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the first process of a pod must ask for it
broker = urlparse(os.environ["HELLOX_BROKER"])
client.connect(broker.hostname, broker.port)
client.loop_forever()
