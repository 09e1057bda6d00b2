/* Sizes that several rooms agree on. Each includes the final NUL of a string. */
#pragma once

#define USER_SIZE     256	/* a login name: a command line cannot carry a longer one */
#define PASSWORD_SIZE 256
#define PEER_SIZE     64	/* "[2001:db8::1]:65535" */
#define PLACE_SIZE    1024	/* "maildir:/home/anna/Maildir" */
#define HOST_SIZE     256	/* a host name, RFC 1035, section 2.3.4 */
#define PATH_SIZE     512	/* a path in the configuration */
#define LISTENER_SIZE 108	/* an address to listen on: of a Unix socket it is the path */
#define LIST_SIZE     512	/* words in the configuration */
#define TEXT_SIZE     128	/* a short text in the configuration */
#define UIDL_SIZE     71	/* RFC 1939, section 7: 1 to 70 characters */
