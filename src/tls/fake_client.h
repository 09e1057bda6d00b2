/*
 * For tests only: certificates made on the spot, and the client's side of TLS on a socket. It
 * stands here because nobody else names OpenSSL.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tls/tls.h"

#define FAKE_PEM_SIZE 8192

struct fake_certificate {
	char chain[FAKE_PEM_SIZE], key[FAKE_PEM_SIZE];
};

struct fake_certificate_wish {
	bool rsa;		/* 2048 bits; else P-256 */
	const char *names;	/* subjectAltName, "DNS:a,DNS:*.b"; NULL: none */
	long from_seconds, to_seconds;	/* from now; both 0: from an hour ago for a day */
	const char *common_name;	/* NULL: "test" */
	bool is_authority;	/* may issue others */
	const struct fake_certificate *issuer;	/* NULL: signed by itself */
};

void fake_certificate_make(struct fake_certificate *, const struct fake_certificate_wish *);
/* Seals the key with a passphrase. */
void fake_key_encrypt(struct fake_certificate *, const char *passphrase);
/* Lends the texts of the certificate. */
struct tls_pair fake_pair(const struct fake_certificate *, const char *name);

struct fake_client;

struct fake_client_wish {
	int version_max;	/* 10, 11, 12, 13; 0: as it comes */
	const char *server_name;
	const char *ciphers;	/* for TLS 1.2 */
	const unsigned char *protocols;	/* ALPN, with lengths */
	size_t protocols_size;
	void *session;		/* from fake_client_session() */
};

/* The socket stays the caller's. It may block or not. */
struct fake_client *fake_client_new(int socket, const struct fake_client_wish *);
/* One step: 1 done, 0 again later, -1 failed. */
int fake_client_handshake(struct fake_client *);
/* Asks for another handshake, as TLS 1.2 knows it; fake_client_handshake() does its steps. */
void fake_client_renegotiate(struct fake_client *);
/* Octets, 0 when the server has said goodbye, -1 again later, -2 failed. */
int fake_client_read(struct fake_client *, void *buffer, int size);
/* Octets, or -1: again later, or failed. */
int fake_client_write(struct fake_client *, const void *data, int size);
/* Octets that were received and wait inside. */
int fake_client_pending(const struct fake_client *);
/* Says goodbye. */
void fake_client_shutdown(struct fake_client *);
void fake_client_free(struct fake_client *);

/* What the handshake came to; "" for none. Lent. */
const char *fake_client_protocol(const struct fake_client *);
const char *fake_client_version(const struct fake_client *);
/* The first DNS name of the server's certificate, and whether its key is RSA. Caller's buffer. */
void fake_client_peer_name(const struct fake_client *, char *name, size_t size, bool *rsa);
bool fake_client_resumed(const struct fake_client *);
/* To be freed with fake_session_free(); NULL while no ticket has come. */
void *fake_client_session(const struct fake_client *);
void fake_session_free(void *);
