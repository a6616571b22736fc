#!/usr/bin/env python3
"""Records what the daemon reads of one network namespace: /proc/net, TCP sysctls and sock_diag dumps, with sockets in many states.

Run as root, in a network namespace of its own: unshare -n python3 record.py PROC_TREE DUMP_PREFIX
"""
import os
import socket
import struct
import subprocess
import sys
import time

CLIENT, SERVER, FAR = "192.0.2.1", "198.51.100.1", "203.0.113.7"
SERVER6 = "2001:db8::1"
kept = []


def sh(command):
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)


def listen(address, port, backlog, family=socket.AF_INET, reuse_port=False):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind((address, port))
    s.listen(backlog)
    kept.append(s)
    return s


def connect(address, port, source=None, block=True):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    if source:
        s.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        s.bind((source, 0))
    s.setblocking(block)
    s.connect_ex((address, port))
    kept.append(s)
    return s


def pair(listener, address=SERVER):
    client = connect(address, listener.getsockname()[1], CLIENT if "." in address else None)
    server, _ = listener.accept()
    kept.append(server)
    return client, server


def fill(s):
    s.setblocking(False)
    try:
        while True:
            s.send(b"x" * 65536)
    except BlockingIOError:
        pass


def syn(source, destination, source_port, port):
    """A SYN whose sender never answers: a request socket."""
    def checksum(data):
        total = sum(struct.unpack(f"!{len(data) // 2}H", data))
        total = (total >> 16) + (total & 0xFFFF)
        return ~(total + (total >> 16)) & 0xFFFF
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    tcp = struct.pack("!HHIIBBHHH", source_port, port, 1000, 0, 0x50, 2, 64240, 0, 0)
    tcp = tcp[:16] + struct.pack("!H", checksum(addresses + struct.pack("!BBH", 0, 6, 20) + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0) + addresses
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    raw.sendto(ip + tcp, (destination, 0))
    raw.close()


def scene():
    sh("ip link set lo up")
    sh(f"ip addr add {CLIENT}/32 dev lo && ip addr add {SERVER}/32 dev lo && ip -6 addr add {SERVER6}/128 dev lo nodad")
    # Neighbours that swallow everything.
    sh("ip link add void type dummy 2>/dev/null || { ip link add void type veth peer name end && ip link set end up; }")
    sh("ip link set void up && ip route add 203.0.113.0/24 dev void")
    sh(f"ip neigh add {FAR} lladdr 02:00:00:00:00:07 dev void")
    sh("nft 'add table inet t; add chain inet t c { type filter hook output priority 0; }; add rule inet t c ct state invalid drop'")
    sh("sysctl -q net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.lo.rp_filter=0 net.ipv4.conf.lo.accept_local=1 net.ipv4.tcp_syncookies=1")
    sh("sysctl -q net.ipv4.ip_local_port_range='32768 60999' net.ipv4.ip_local_reserved_ports=33000,40000-40009,59999 net.ipv4.tcp_max_tw_buckets=65536")

    web = listen("0.0.0.0", 8080, 128)
    dual = listen("::", 443, 511, socket.AF_INET6)
    tight = listen(SERVER, 9000, 2)
    for _ in range(2):
        listen(SERVER, 8443, 64, reuse_port=True)
    listen("127.0.0.1", 9109, 16)

    for _ in range(12):
        pair(web)
    for _ in range(4):
        pair(dual, SERVER6)
    for _ in range(5):
        pair(dual)                                    # IPv4 through the dual-stack listener
    for _ in range(6):
        connect(SERVER, 8443, CLIENT)
    for _ in range(5):
        connect(SERVER, 9000, CLIENT, block=False)    # backlog 2: three fit, the others are dropped
    for _ in range(5):
        client, _ = pair(web)
        client.shutdown(socket.SHUT_WR)               # FIN_WAIT2 here, CLOSE_WAIT there
    for _ in range(3):
        client, _ = pair(web)
        client.close()                                # an orphan: FIN_WAIT2 minisocket here, CLOSE_WAIT there
    for _ in range(9):
        client, server = pair(web)
        client.close()
        server.close()                                # TIME_WAIT
    client, _ = pair(web)
    fill(client)
    client.shutdown(socket.SHUT_WR)                   # FIN_WAIT1: data in front of the FIN that nobody reads
    client, server = pair(web)
    fill(client)
    client.shutdown(socket.SHUT_WR)
    server.shutdown(socket.SHUT_WR)                   # CLOSING, and FIN_WAIT2 there
    client, server = pair(web)
    fill(server)
    client.shutdown(socket.SHUT_WR)
    time.sleep(0.1)
    server.shutdown(socket.SHUT_WR)                   # LAST_ACK
    for _ in range(3):
        connect(SERVER, 8080)                         # waiting to be accepted
    for port in (443, 6379):
        connect(FAR, port, block=False)               # SYN_SENT
    for port in range(3):
        syn(FAR, SERVER, 50000 + port, 8080)          # SYN_RECV
    time.sleep(1.5)


def dump(path, states, extensions):
    """One compat dump (type 18): the datagrams as they came, one behind the other."""
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)
    request = struct.pack("=BBBB48sII", 0, 0, 0, extensions, b"", states, 0)
    s.send(struct.pack("=IHHII", 16 + len(request), 18, 0x301, 1, 0) + request)
    with open(path, "wb") as out:
        while True:
            datagram = s.recv(32768)
            out.write(datagram)
            at, last = 0, 0
            while at < len(datagram):
                length, last = struct.unpack_from("=IH", datagram, at)
                at += (length + 3) & ~3
            if last in (2, 3):
                return


def main(tree, prefix):
    scene()
    files = ["net/" + name for name in ("snmp", "netstat", "sockstat", "sockstat6", "tcp", "tcp6", "stat/nf_conntrack")]
    files += ["sys/net/ipv4/" + name for name in
              ("ip_local_port_range", "ip_local_reserved_ports", "tcp_max_tw_buckets", "tcp_tw_reuse", "tcp_timestamps", "tcp_fin_timeout", "tcp_max_syn_backlog",
               "tcp_syncookies", "tcp_abort_on_overflow", "tcp_keepalive_time", "tcp_keepalive_intvl", "tcp_keepalive_probes")]
    files += ["sys/net/core/somaxconn", "sys/kernel/osrelease"]
    files += ["sys/net/netfilter/nf_conntrack_" + name for name in
              ("count", "max", "buckets", "tcp_timeout_established", "tcp_timeout_time_wait", "tcp_loose")]
    content = {name: open("/proc/" + name, "rb").read() for name in files}
    dump(prefix + "census.bin", 0xFBD, 0)
    dump(prefix + "listeners.bin", 0x400, 0x40)
    dump(prefix + "all.bin", 0xFFF, 0)
    for name, data in content.items():
        path = os.path.join(tree, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(data)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
