"""The service unit that `freehold install` writes: one network, and as few rights as it can be served with.

Source: systemd.exec(5); `systemd-analyze security freehold` rates it.
"""

from pathlib import Path

from freehold.cli.placing import PREFIX

CREDENTIALS = Path("/etc/credstore.encrypted")
CREDENTIAL = "freehold-unlock"


def unit(directory: Path, user: str, credential: str = "") -> str:
    """The text of freehold.service. credential: the name of the unlock key among systemd's credentials, if it is
    one."""
    command = PREFIX / "current" / "bin" / "freehold"
    load = f"LoadCredentialEncrypted={credential}\n" if credential else ""
    return f"""\
# Written by `freehold install`, which writes it anew: changes of your own go into a drop-in (systemctl edit freehold).
[Unit]
Description=Freehold, the network in {directory}
Documentation=https://atproto.com/
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
NotifyAccess=main
User={user}
Group={user}
# An upgrade is decided here, as root and while nothing runs; without one these end at once.
ExecStartPre=+{command} upgrade --step switch
ExecStart={command} run {directory}
ExecStartPost=+{command} upgrade --step confirm
{load}Restart=on-failure
RestartSec=2
TimeoutStartSec=2h
TimeoutStopSec=30
WorkingDirectory={directory}
UMask=0077
LimitNOFILE=65536

# Ports 80 and 443, and nothing else that is root's.
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={directory}
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
KeyringMode=private
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""
