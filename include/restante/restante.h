/* librestante: the Post Office Protocol, the client's side. See restante(3). */
#ifndef RESTANTE_RESTANTE_H
#define RESTANTE_RESTANTE_H

#include <restante/blocking.h>
#include <restante/client.h>
#include <restante/options.h>
#include <restante/result.h>

#endif
