#!/bin/bash
# Runs as root inside the booted system. Each line "TRIAL ok|FAIL what" goes to the console; tests/appliance/test_boot.py reads them.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
cd /root
SLOW=$(cat /root/slow)  # how many times longer everything may take here
MOST_EXPOSURE=$(cat /root/exposure)
exec >/dev/ttyS1 2>&1

trial() {  # trial WHAT COMMAND...: the command must succeed
    local what=$1; shift
    if "$@" >/tmp/said 2>&1; then echo "TRIAL ok $what"; else echo "TRIAL FAIL $what"
        { tail -25 /tmp/said; journalctl -u tether.service -n 15 --no-pager -o short-monotonic; } | sed 's/^/    /'; fi
}
within() {  # within SECONDS COMMAND...: it must succeed by then
    local end=$((SECONDS + $1 * SLOW)); shift
    until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $end ] || { "$@"; return 1; }; sleep 0.5; done
}
takes_events() { python3 - <<'P'
import http.client, socket
class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX); self.sock.connect("/var/lib/tether/tether.sock")
c = Unix("tether"); c.request("GET", "/readyz"); assert c.getresponse().status == 200
P
}
post() { python3 - "$1" <<'P'
import http.client, json, socket, sys
class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX); self.sock.connect("/var/lib/tether/tether.sock")
c = Unix("tether")
c.request("POST", "/v1/events", json.dumps({"id": sys.argv[1], "type": "order.ready", "order": {"ref": sys.argv[1]}}), {"Content-Type": "application/json"})
assert c.getresponse().status == 202
P
}
knows() { tether_ orders show "$1"; }
tether_() { "$TETHER" "$@" --config /etc/tether/tether.toml; }
exposure() {  # exposure UNIT MOST
    systemd-analyze security --no-pager "$1" | sed -n 's/.*exposure level for [^:]*: \([0-9.]*\).*/\1/p' | awk -v most="$2" '{print; told = $1} END {exit !(told > 0 && told <= most)}'
}
asks_the_clock() {  # asks_the_clock UNIT: whether the filter of that unit lets the kernel say whether its clock is synchronised
    { printf '[Service]\nType=oneshot\nExecStart=/usr/bin/python3 -c "import ctypes; assert ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) != -1"\n'
      systemctl cat "$1" | grep ^SystemCall; } > /run/systemd/system/asks-the-clock.service
    systemctl daemon-reload && systemctl start asks-the-clock.service
}
restarts() { [ "$(systemctl show tether.service -p NRestarts --value)" -ge "$1" ]; }
pid() { systemctl show tether.service -p MainPID --value; }
watch_closely() {
    mkdir -p /run/systemd/system/tether.service.d
    printf '[Service]\nWatchdogSec=%s\nRestartSec=200ms\n' $((3 * SLOW)) > /run/systemd/system/tether.service.d/trial.conf
    systemctl daemon-reload && systemctl restart tether.service
}
not() { ! "$@"; }
not_allowed() {  # not_allowed USER VERB...: the service says no, and what would help
    local user=$1; shift
    (cd / && ! runuser -u "$user" -- tether "$@") 2>&1 | tee /dev/stderr | grep -q "group"
}
gone() { for each; do [ ! -e "$each" -a ! -L "$each" ] || { echo "$each is left"; return 1; }; done; }

echo "TRIAL begin $(systemctl --version | head -1)"

# ---------------------------------------------------------------- the Debian package
TETHER=/usr/bin/tether
trial "deb: installs" dpkg -i /root/tether.deb
trial "deb: active" within 60 systemctl is-active --quiet tether.service
trial "deb: takes events" within 30 takes_events
trial "deb: enabled" systemctl is-enabled --quiet tether.service
trial "deb: backup timer" systemctl is-active --quiet tether-backup.timer
trial "deb: exposure of the service" exposure tether.service "$MOST_EXPOSURE"
trial "deb: exposure of the backup" exposure tether-backup.service 1.3
trial "deb: the service may ask whether the clock is synchronised" asks_the_clock tether.service
trial "deb: the unit that tells of a failure may as well" asks_the_clock tether-failed@x.service
trial "deb: an event" post deb-1
useradd sam && usermod -aG tether-staff sam && useradd mallory
trial "deb: the counter's staff see at the socket what goes on" bash -c 'cd / && runuser -u sam -- tether status'
trial "deb: but make no tokens" not_allowed sam token new till-2 --scope events
trial "deb: and read no secret" bash -c 'for each in /etc/tether/tether.toml /etc/tether/.env /var/lib/tether/tether.db /var/lib/tether/tether.db.key; do test -e $each && ! runuser -u sam -- cat $each || exit 1; done'
trial "deb: a login of the box's that is in no group is refused" not_allowed mallory status
trial "deb: only the service's own may look into the database" bash -c '[ -z "$(find /var/lib/tether -type f -perm /077)" ]'
trial "deb: its manual page and completions" test -s /usr/share/man/man1/tether.1.gz -a -s /usr/share/bash-completion/completions/tether
trial "deb: its pages, under the names that units and manual give them" bash -c 'for each in README owner operations configuration fleet; do test -s /usr/share/doc/tether/$each.md || exit 1; done'
trial "deb: is not installed over" bash -c '! tether install && [ ! -e /etc/systemd/system/tether.service ]'
trial "deb: as its own user" bash -c 'test "$(stat -c %U /proc/$(systemctl show tether.service -p MainPID --value))" = tether'
trial "deb: root asks" knows deb-1
trial "deb: the doctor" tether_ doctor --offline
trial "deb: reload" tether_ reload
trial "deb: signal" systemctl reload tether.service
printf '[backup]\nto = "/var/lib/tether/kept"\n' >> /etc/tether/tether.toml
install -d -o tether -g tether /var/lib/tether/kept
trial "deb: the nightly backup" systemctl start tether-backup.service
trial "deb: a backup is there" bash -c 'ls /var/lib/tether/kept/tether-*.backup'
watch_closely
trial "deb: active again" within 30 takes_events
kill -9 "$(pid)"
trial "deb: a killed service is started again" within 20 restarts 1
trial "deb: and takes events" within 30 takes_events
kill -STOP "$(pid)"
trial "deb: a hung service is killed by the watchdog and started again" within 40 restarts 2
trial "deb: and takes events again" within 30 takes_events
trial "deb: nothing was lost" knows deb-1
rm -rf /run/systemd/system/tether.service.d; systemctl daemon-reload
trial "deb: installs over itself" dpkg -i /root/tether.deb
trial "deb: the owner's configuration is kept" grep -q kept /etc/tether/tether.toml
trial "deb: runs" within 60 takes_events
trial "deb: starts without the secrets file" bash -c 'rm /etc/tether/.env && systemctl restart tether.service'
trial "deb: and takes events without it" within 30 takes_events
install -m 600 /dev/null /etc/tether/.env
systemctl stop tether.service
trial "deb: restore" tether_ restore latest --yes
trial "deb: starts on what was restored" systemctl start tether.service
trial "deb: and takes events" within 30 takes_events
trial "deb: a command of root's on the stopped service leaves no file of root's" bash -c 'systemctl stop tether && tether status --config /etc/tether/tether.toml; [ -z "$(find /var/lib/tether -user root)" ] && systemctl start tether'
echo 'nonsense = 1' >> /etc/tether/tether.toml
trial "deb: a wrong configuration is refused on reload" not tether_ reload
trial "deb: and the service goes on" takes_events
systemctl restart tether.service
trial "deb: a wrong configuration is not tried again and again" bash -c 'sleep 15; [ "$(systemctl show tether.service -p NRestarts --value)" -le 2 ] && systemctl is-failed tether.service'
trial "deb: and is told" within 60 bash -c 'journalctl -u "tether-failed@*" --no-pager | grep -q "nonsense"'
sed -i 's,^nonsense.*,,; s,^path = .*,path = "/mnt/ssd/tether.db",' /etc/tether/tether.toml
mkdir -p /mnt/ssd && echo '/dev/disk/by-label/ssd /mnt/ssd ext4 noauto 0 2' >> /etc/fstab
trial "deb: without its disk an installation ends, and says that the service does not run" bash -c 'timeout $((60 * $1)) dpkg -i /root/tether.deb 2>&1 | grep "does not run yet"' - $SLOW
trial "deb: which is tried again" within 30 restarts 2
trial "deb: purges" dpkg --purge tether
trial "deb: purges clean" gone /etc/tether /var/lib/tether /usr/lib/tether /usr/bin/tether /usr/lib/systemd/system/tether.service
trial "deb: its user is gone" not getent passwd tether
trial "deb: its groups are gone" not getent group tether tether-staff

# ---------------------------------------------------------------- tether install, upgrade, uninstall
python3 -m venv /root/venv && /root/venv/bin/pip install -q --no-index --find-links /root/wheels /root/tether_box-0.1.0-py3-none-any.whl
TETHER=/root/venv/bin/tether
trial "install: init" tether_ init --yes --name "Balloon Loft" --country GB --no-token --offline
trial "install: refuses what the service can't see" not "$TETHER" install
trial "install: from a wheel" "$TETHER" install --wheel /root/tether_box-0.1.0-py3-none-any.whl --links /root/wheels
TETHER=/opt/tether/venv/bin/tether
trial "install: active" systemctl is-active --quiet tether.service
trial "install: exposure" exposure tether.service "$MOST_EXPOSURE"
trial "install: the command, for root and for others" bash -c '/usr/local/bin/tether --version && cd / && runuser -u sam -- /usr/local/bin/tether --version'
trial "install: a token" tether_ token new till-1 --scope events
trial "install: an event" post inst-1
trial "install: again" "$TETHER" install --executable /opt/tether/venv/bin/tether
trial "upgrade: to one that the shipped key has not signed fails" not "$TETHER" upgrade --from /root/tether_box-0.2.0-py3-none-any.whl --links /root/wheels
trial "upgrade: to a good release" "$TETHER" upgrade --from /root/tether_box-0.2.0-py3-none-any.whl --links /root/wheels --key /root/release.pub
trial "upgrade: it is in force" bash -c 'readlink /opt/tether/venv | grep -q 0.2.0'
trial "upgrade: takes events" within 10 takes_events
trial "upgrade: knows what it knew" knows inst-1
trial "upgrade: to one that does not start fails" not "$TETHER" upgrade --from /root/tether_box-0.3.0-py3-none-any.whl --links /root/wheels --key /root/release.pub
trial "upgrade: and goes back by itself" bash -c 'readlink /opt/tether/venv | grep -q 0.2.0'
trial "upgrade: and takes events" within 10 takes_events
trial "upgrade: and knows what it knew" knows inst-1
trial "upgrade: to one that changed the schema and does not start fails" not "$TETHER" upgrade --from /root/tether_box-0.4.0-py3-none-any.whl --links /root/wheels --key /root/release.pub
trial "upgrade: and goes back with the database of before" bash -c 'readlink /opt/tether/venv | grep -q 0.2.0 && ls /var/lib/tether/tether.db.of-the-new-release-*'
trial "upgrade: and takes events once more" within 10 takes_events
trial "upgrade: and knows what it knew still" knows inst-1
trial "uninstall: keeps the data" "$TETHER" uninstall
trial "uninstall: they are there" test -s /var/lib/tether/tether.db -a -s /etc/tether/tether.toml
trial "uninstall: the rest is gone" gone /etc/systemd/system/tether.service /opt/tether /usr/local/bin/tether /etc/udev/rules.d/70-tether-modem.rules
/root/venv/bin/tether install --wheel /root/tether_box-0.1.0-py3-none-any.whl --links /root/wheels >/dev/null
trial "install: finds its data again" bash -c '/opt/tether/venv/bin/tether orders show inst-1 --config /etc/tether/tether.toml'
trial "uninstall: with everything" /root/venv/bin/tether uninstall --purge --yes
trial "uninstall: nothing is left" gone /etc/tether /var/lib/tether /opt/tether

# ---------------------------------------------------------------- from a wheel to the package, the wheel's Python gone with the Debian before
TETHER=/root/venv/bin/tether
tether_ init --yes --name "Balloon Loft" --country GB --no-token --offline >/dev/null
"$TETHER" install --wheel /root/tether_box-0.1.0-py3-none-any.whl --links /root/wheels >/dev/null
post wheel-1
trial "deb after a wheel: installs" dpkg --force-confold -i /root/tether.deb
rm -f /opt/tether/venv/bin/python*
trial "deb after a wheel: its command takes the wheel away" env PATH="/usr/local/bin:$PATH" tether uninstall
trial "deb after a wheel: of which nothing is left" gone /etc/systemd/system/tether.service /opt/tether /usr/local/bin/tether
TETHER=/usr/bin/tether
trial "deb after a wheel: takes events" within 60 takes_events
trial "deb after a wheel: knows what it knew" knows wheel-1
echo "TRIAL end"
systemctl poweroff --no-block
