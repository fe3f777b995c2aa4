// SPDX-License-Identifier: Apache-2.0
/* One object that a commit changes, so that the others stay built. */
#include "base/base.h"

const char rk_version[] = RK_VERSION;
const char rk_commit[] = RK_COMMIT;
const char rk_date[] = RK_DATE;
