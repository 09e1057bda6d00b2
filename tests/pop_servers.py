"""Debian's POP3 servers that a client has to get along with: Dovecot as it is installed, Courier, popa3d, Mailutils and
Cyrus each in a room of its own (room.sh), unpacked by tools/popservers. Every one listens on ports of 127.0.0.1 and
serves what was delivered to the users of a restante.Server that need not run."""

import http.server
import json
import os
import socket
import ssl
import subprocess
import threading
import urllib.parse

import mtas
import oldservers
import restante
from restante import MAIL_UID, TOP, wait_until

UNPACKED = TOP + "/build-popservers"  # see tools/popservers

TOKEN = "a-token-of-oauth-2"


def greeting(port, protected=False):
    """Of a server that is there; None otherwise."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            if protected:
                connection = restante.trusting_context().wrap_socket(connection)
            return connection.recv(512).startswith(b"+OK")
    except (OSError, ssl.SSLError):
        return None


def as_mbox(texts):
    return b"".join(b"From sender@example.org Thu Jan  1 00:00:00 2026\n" + text.replace(b"\nFrom ", b"\n>From ") +
                    (b"\n" if text.endswith(b"\n") else b"\n\n") for text in texts)


class PopServer(mtas.Mta):
    """A server in a room. protections: how its connections can be protected. bindings: those of them to which SCRAM can be
    bound. mechanisms: how one can log in there, by
    protection where that matters. tolerates: whether it takes NUL, lone CR and the like as they come."""

    protections, bindings, mechanisms, tolerates = ("clear",), (), ("USER",), True

    def __init__(self, directory, server):
        os.makedirs(directory)
        super().__init__(directory, server.directory, list(server.users.values()))
        self.server = server
        self.tls_port, = restante.free_ports(1)

    def tree(self):
        return "%s/%s/files" % (UNPACKED, self.package)

    @classmethod
    def missing(cls):
        """Why it cannot be started here, or None."""
        if not os.path.exists("%s/%s/unpacked" % (UNPACKED, cls.package)):
            return "%s is not in build-popservers/: see tools/popservers" % cls.package
        return mtas.cannot_mount()

    def accounts(self):
        shadow = "".join(open("/etc/shadow"))
        hashed = subprocess.run(["openssl", "passwd", "-1", restante.PASSWORD], capture_output=True, text=True,
                                check=True).stdout.strip()
        for user in self.people:
            shadow += "%s:%s:19000:0:99999:7:::\n" % (user.name, hashed)
        self.modes["/etc/shadow"] = 0o640
        pam = {"/etc/pam.d/common-" + kind: kind + " required pam_unix.so\n"
               for kind in ("auth", "account", "password", "session")}
        return {**super().accounts(), "/etc/shadow": shadow, **pam}

    def certificate(self):
        """The server's own, chain and key in one file."""
        chain, key = self.server.certificates[0]
        return open(key).read() + open(chain).read()

    def ready(self):
        assert self.process.poll() is None, self.log()
        children = restante.children_of(self.process.pid)
        self.first = children[0] if children else None
        return self.first and greeting(self.port) and (
            "tls" not in self.protections or greeting(self.tls_port, True))

    def __enter__(self):
        self.configure()
        return super().__enter__()

    def configure(self):
        raise NotImplementedError

    def deliver(self, user, texts):
        """Into the Maildir, before the server runs."""
        for text in texts:
            user.deliver(text)


class Courier(PopServer):
    """It announces that ten seconds have to pass between two logins, and does not mind if they do not. Here it says none."""

    package, users = "courier-pop", ("courier",)
    protections = ("clear", "stls", "tls")
    mechanisms = ("USER", "PLAIN", "LOGIN", "CRAM-MD5")
    start = """\
ldconfig
mkdir -p /run/courier/authdaemon /var/lib/courier /etc/courier
chown -R courier /run/courier /var/lib/courier
chmod 700 /etc/courier/userdb && makeuserdb
grep -rl 'LOGIN-DELAY 10' /usr/lib/courier | xargs sed -i 's/LOGIN-DELAY 10/LOGIN-DELAY 00/'
authdaemond start
pop3d start
pop3d-ssl start
exec sleep 100000
"""
    POP3D = """\
PIDFILE=/run/courier/pop3d.pid
MAXDAEMONS=100
MAXPERIP=100
POP3AUTH="PLAIN LOGIN CRAM-MD5"
POP3AUTH_TLS="PLAIN LOGIN CRAM-MD5"
POP3_PROXY=0
PORT={port}
ADDRESS=127.0.0.1
TCPDOPTS="-nodnslookup -noidentlookup"
LOGGEROPTS="-name=pop3d"
MAILDIRPATH=Maildir
"""
    POP3D_SSL = """\
SSLPORT={tls_port}
SSLADDRESS=127.0.0.1
SSLPIDFILE=/run/courier/pop3d-ssl.pid
SSLLOGGEROPTS="-name=pop3d-ssl"
POP3_STARTTLS=YES
POP3_TLS_REQUIRED=0
COURIERTLS=/usr/bin/couriertls
TLS_CERTFILE=/etc/courier/pop3d.pem
TLS_VERIFYPEER=NONE
MAILDIRPATH=Maildir
"""

    def configure(self):
        def hashed(*words):
            return self.hash_with("/usr/sbin/userdbpw", *words)
        lines = "".join("%s\tuid=%d|gid=%d|home=%s|shell=/bin/sh|pop3pw=%s|hmac-md5pw=%s\n" % (
            user.name, user.uid, user.uid, user.home, hashed("-md5"), hashed("-hmac-md5")) for user in self.people)
        self.settings.update({
            "/etc/courier/pop3d": self.POP3D.format(port=self.port),
            "/etc/courier/pop3d-ssl": self.POP3D_SSL.format(tls_port=self.tls_port),
            "/etc/courier/pop3d.pem": self.certificate(),
            "/etc/courier/authdaemonrc": 'authmodulelist="authuserdb"\nauthmodulelistorig="authuserdb"\ndaemons=3\n'
                                         'authdaemonvar=/run/courier/authdaemon\nDEBUG_LOGIN=0\n',
            "/etc/courier/userdb": lines})
        self.modes.update({"/etc/courier/userdb": 0o600, "/etc/courier/pop3d.pem": 0o644})

    def hash_with(self, program, *words):
        return subprocess.run([self.tree() + program, *words], input="%s\n" % restante.PASSWORD, text=True,
                              capture_output=True, check=True,
                              env={"LD_LIBRARY_PATH": self.tree() + "/usr/lib/courier-authlib"}).stdout.strip()


class OfMbox(PopServer):
    """Serves /var/mail, which is a directory of ours."""

    tolerates = False

    def deliver(self, user, texts):
        os.makedirs(self.server.directory + "/mbox", exist_ok=True)
        os.chmod(self.server.directory + "/mbox", 0o1777)
        path = "%s/mbox/%s" % (self.server.directory, user.name)
        with open(path, "wb") as file:
            file.write(as_mbox(texts))
        os.chown(path, user.uid, user.uid)
        os.chmod(path, 0o600)

    def at_start(self):
        return "mkdir -p /var/mail\nmount --bind %s/mbox /var/mail\n" % self.server.directory


class Popa3d(OfMbox):
    package, users = "popa3d", ("popa3d",)

    def configure(self):
        self.settings["/etc/inetd.conf"] = (
            "127.0.0.1:%d stream tcp nowait.1000000 root /usr/sbin/popa3d popa3d\n" % self.port)
        self.start = "mkdir -p /var/lib/popa3d\n" + self.at_start() + "exec inetd -i -R 1000000\n"


class Mailutils(OfMbox):
    package = "mailutils-pop3d"
    protections = ("clear", "stls", "tls")
    MAIN = """\
mode daemon;
transcript no;
max-children 100;
tls {{
  ssl-certificate-file /etc/pop3d.chain;
  ssl-key-file /etc/pop3d.key;
}}
server 127.0.0.1:{port} {{ tls-mode ondemand; }};
server 127.0.0.1:{tls_port} {{ tls-mode connection; }};
auth {{ authentication pam; authorization system; }};
pam {{ service "pop3"; }};
mailbox {{ mail-spool /var/mail; }};
"""

    def configure(self):
        chain, key = self.server.certificates[0]
        self.settings.update({
            "/etc/mailutils.conf": self.MAIN.format(port=self.port, tls_port=self.tls_port),
            "/etc/pam.d/pop3": "auth required pam_unix.so\naccount required pam_unix.so\n",
            "/etc/pop3d.chain": open(chain).read(), "/etc/pop3d.key": open(key).read()})
        self.modes["/etc/pop3d.key"] = 0o600
        self.start = "ldconfig\n" + self.at_start() + "exec pop3d --daemon --foreground\n"


KERBEROS = """\
[libdefaults]
 default_realm = POP.TEST
 dns_lookup_kdc = false
 dns_lookup_realm = false
 rdns = false
 dns_canonicalize_hostname = false
[realms]
 POP.TEST = {{
  kdc = 127.0.0.1:{port}
 }}
[domain_realm]
 localhost = POP.TEST
"""
KDC = """\
[kdcdefaults]
 kdc_listen = 127.0.0.1:{port}
 kdc_tcp_listen = 127.0.0.1:{port}
[realms]
 POP.TEST = {{
  database_name = /etc/principal
  key_stash_file = /etc/stash
  acl_file = /etc/kadm5.acl
  supported_enctypes = aes256-cts-hmac-sha1-96:normal
 }}
"""


class Cyrus(PopServer):
    """It binds SCRAM to the channel as TLS 1.2 has it, which is therefore all that STLS leads to."""

    package, users = "cyrus-pop3d", ("cyrus",)
    protections, bindings = ("clear", "stls", "tls"), ("stls",)
    mechanisms = ("USER", "APOP", "PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256",
                  "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS", "GSSAPI")
    tolerates = False
    start = """\
mkdir -p /var/lib/cyrus /var/spool/cyrus/mail /run/cyrus/socket /run/cyrus/proc /run/cyrus/lock
chown -R cyrus:mail /var/lib/cyrus /var/spool/cyrus /run/cyrus /etc/cyrus.key
rm -f /etc/sasldb2
while read -r name; do
	printf '%s' "$PASSWORD" | saslpasswd2 -p -c -f /etc/sasldb2 -u localhost "$name"
done </etc/cyrus.users
chown -R cyrus /etc/sasldb2 /etc/sieve
setpriv --reuid cyrus --regid mail --clear-groups /usr/lib/cyrus/bin/makedirs || true
export KRB5_CONFIG="$KERBEROS/krb5.conf" KRB5_KDC_PROFILE=/etc/kdc.conf KRB5_KTNAME=/etc/pop.keytab
kdb5_util create -s -r POP.TEST -P master
kadmin.local -r POP.TEST -q 'addprinc -randkey pop/localhost'
kadmin.local -r POP.TEST -q 'ktadd -k /etc/pop.keytab pop/localhost'
while read -r name; do
	kadmin.local -r POP.TEST -q "addprinc -pw $name-secret $name"
done </etc/cyrus.users
chown cyrus /etc/pop.keytab
krb5kdc -r POP.TEST
exec /usr/sbin/cyrmaster -D -C /etc/imapd.conf -M /etc/cyrus.conf
"""
    IMAPD = """\
configdirectory: /var/lib/cyrus
proc_path: /run/cyrus/proc
mboxname_lockpath: /run/cyrus/lock
defaultpartition: default
partition-default: /var/spool/cyrus/mail
servername: localhost
defaultdomain: localhost
virtdomains: off
admins: cyrus
allowplaintext: 1
allowapop: 1
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: /etc/sasldb2
sasl_mech_list: PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256 GSSAPI
sasl_keytab: /etc/pop.keytab
tls_server_cert: /etc/cyrus.pem
tls_server_key: /etc/cyrus.key
tls_session_timeout: 0
lmtpsocket: /run/cyrus/socket/lmtp
lmtp_downcase_rcpt: 1
autocreate_quota: 0
autocreate_post: 1
autocreate_users: anyone
unixhierarchysep: yes
duplicatesuppression: 0
poptimeout: 10
popminpoll: 0
"""
    CYRUS = """\
START {{
	recover cmd="/usr/lib/cyrus/bin/ctl_cyrusdb -r"
}}
SERVICES {{
	pop3 cmd="/usr/lib/cyrus/bin/pop3d -C /etc/imapd-older.conf" listen="127.0.0.1:{port}" prefork=0 maxchild=50
	pop3s cmd="/usr/lib/cyrus/bin/pop3d -s" listen="127.0.0.1:{tls_port}" prefork=0 maxchild=50
	lmtp cmd="/usr/lib/cyrus/bin/lmtpd -a" listen="127.0.0.1:{lmtp_port}" prefork=0 maxchild=5
}}
EVENTS {{
}}
"""

    def configure(self):
        chain, key = self.server.certificates[0]
        self.lmtp_port, self.kdc_port = restante.free_ports(2)
        self.kerberos = self.server.directory + "/kerberos"
        os.makedirs(self.kerberos)
        with open(self.kerberos + "/krb5.conf", "w") as file:
            file.write(KERBEROS.format(port=self.kdc_port))
        self.settings.update({
            "/etc/imapd.conf": self.IMAPD,
            "/etc/imapd-older.conf": self.IMAPD + "tls_versions: tls1_2\n",
            "/etc/cyrus.conf": self.CYRUS.format(port=self.port, tls_port=self.tls_port, lmtp_port=self.lmtp_port),
            "/etc/kdc.conf": KDC.format(port=self.kdc_port),
            "/etc/cyrus.users": "".join(user.name + "\n" for user in self.people),
            "/etc/cyrus.pem": open(chain).read(), "/etc/cyrus.key": open(key).read()})
        self.start = "PASSWORD='%s' KERBEROS='%s'\n" % (restante.PASSWORD, self.kerberos) + self.start

    def ticket(self, user):
        """What a client's environment must have that logs in by GSSAPI."""
        cache = "%s/ticket-%s" % (self.kerberos, user.name)
        environment = {"KRB5_CONFIG": self.kerberos + "/krb5.conf", "KRB5CCNAME": "FILE:" + cache}
        self.run("kinit", user.name, env=dict(os.environ, **environment), input=user.name + "-secret\n")
        os.chmod(cache, 0o644)
        return environment

    def deliver(self, user, texts):
        """By LMTP, when it runs."""
        client = restante.LmtpClient(("127.0.0.1", self.lmtp_port))
        client.hello()
        for text in texts:
            said = client.deliver(restante.wire_form(text), user.name)
            assert said[0].startswith("250 "), (said, text[:100])
        client.close()


OAUTH2 = """\
tokeninfo_url = http://127.0.0.1:{port}/?access_token=
introspection_mode = auth
username_attribute = username
active_attribute = active
active_value = true
"""
DOVECOT_SETTINGS = """\
auth_mechanisms = plain login cram-md5 digest-md5 scram-sha-1 scram-sha-256 apop external oauthbearer xoauth2
auth_ssl_username_from_cert = yes
auth_failure_delay = 0
ssl_verify_client_cert = yes
ssl_ca = <{ca}
pop3_no_flag_updates = yes
passdb {{
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = {directory}-oauth2
}}
passdb {{
  driver = static
  mechanisms = external
  args = nopassword=y
}}
"""


class TokenInfo(http.server.BaseHTTPRequestHandler):
    """Says whose token it is, as an OAuth 2 server does for Dovecot."""

    def do_GET(self):
        asked = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query).get("access_token", [""])[0]
        token, _, name = asked.partition("/")
        answer = {"active": "true", "username": name} if token == TOKEN else {"active": "false"}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Dovecot(oldservers.Dovecot):
    """With every mechanism that it has. A token is TOKEN, "/" and the user's name."""

    protections, bindings = ("clear", "stls", "tls"), ()
    mechanisms = ("USER", "APOP", "PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256",
                  "XOAUTH2", "OAUTHBEARER", "EXTERNAL")
    tolerates = True

    def __init__(self, directory, server):
        self.tokens = http.server.ThreadingHTTPServer(("127.0.0.1", restante.free_ports(1)[0]), TokenInfo)
        threading.Thread(target=self.tokens.serve_forever, daemon=True).start()
        self.ca, self.ca_key = make_authority(server.directory)
        with open(directory + "-oauth2", "w") as file:
            file.write(OAUTH2.format(port=self.tokens.server_port))
        super().__init__(directory, server, restante.free_ports(1)[0],
                         DOVECOT_SETTINGS.format(ca=self.ca, directory=directory))

    @classmethod
    def missing(cls):
        return "Debian's Dovecot is not installed" if oldservers.Dovecot.missing() else None

    def __exit__(self, *_):
        self.tokens.shutdown()
        self.tokens.server_close()
        super().__exit__()

    def deliver(self, user, texts):
        for text in texts:
            user.deliver(text)

    def log(self):
        return "".join(open(self.directory + "/" + name, errors="replace").read() for name in ("output", "log")
                       if os.path.exists(self.directory + "/" + name))


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_authority(directory):
    """(certificate, key) of somebody who issues certificates; with the list of those taken back that Dovecot wants."""
    path = directory + "/authority"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", "/CN=Authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", path + ".key",
            "-out", path + ".pem")
    with open(path + ".cnf", "w") as file:
        file.write("[ca]\ndefault_ca=a\n[a]\ndatabase=%s.index\ndefault_md=sha256\ndefault_crl_days=30\n" % path)
    open(path + ".index", "w").close()
    openssl("ca", "-gencrl", "-config", path + ".cnf", "-keyfile", path + ".key", "-cert", path + ".pem", "-out",
            path + ".crl")
    with open(path + "-and-crl.pem", "w") as file:
        file.write(open(path + ".pem").read() + open(path + ".crl").read())
    return path + "-and-crl.pem", path + ".key"


def issue_certificate(directory, subject, names=(), file="issued"):
    """(certificate, key) that the authority of that directory has issued."""
    path = "%s/%s-%s" % (directory, file, subject)
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + subject,
            *(["-addext", "subjectAltName=" + ",".join("DNS:" + name for name in names)] if names else []),
            "-keyout", path + ".key", "-out", path + ".csr")
    openssl("x509", "-req", "-in", path + ".csr", "-CA", directory + "/authority.pem", "-CAkey",
            directory + "/authority.key", "-CAcreateserial", "-copy_extensions", "copyall", "-days", "30", "-out",
            path + ".pem")
    return path + ".pem", path + ".key"


SERVERS = {"dovecot": Dovecot, "courier": Courier, "popa3d": Popa3d, "mailutils": Mailutils, "cyrus": Cyrus}
