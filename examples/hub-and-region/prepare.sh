#!/bin/sh
# Makes the directories and the keys that the configurations here name. Fails if they are there already.
set -eu
umask 077
mkdir /tmp/lockstep-example
cd /tmp/lockstep-example
mkdir hub eu keys files
head -c 32 /dev/urandom >keys/hub.key
head -c 32 /dev/urandom >keys/eu.key
