/* restante-login --check: are these settings and certificates good? */
#pragma once

/* Hears what the parent sends on the descriptor and logs each problem. The exit status. */
int check_run(int control);
