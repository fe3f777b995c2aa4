// SPDX-License-Identifier: Apache-2.0
#include "os/os.h"
#include "task/task.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* --- what must vanish at exit and on signals --- */

/* The list is changed by the main flow only; the signal handler just reads it, so an entry is put in
 * and taken out by one pointer store, when it is complete and before it is freed. */
struct vanishing {
	struct vanishing *volatile next;
	char path[];
};
static struct vanishing *volatile vanish; /* the last one first */
static volatile sig_atomic_t vanish_pid;

void rk_file_vanish(const char *path)
{
	size_t n = strlen(path) + 1;
	struct vanishing *v = rk_malloc(sizeof(*v) + n);

	memcpy(v->path, path, n);
	v->next = vanish;
	vanish_pid = getpid();
	atomic_signal_fence(memory_order_release);
	vanish = v;
}

static void vanish_forget(const char *path)
{
	struct vanishing *v;

	for (struct vanishing *volatile *p = &vanish; (v = *p); p = &v->next) {
		if (strcmp(v->path, path) != 0)
			continue;
		*p = v->next;
		free(v);
		return;
	}
}

static void hold_signals(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, old);
}

/* Make what must vanish, with no signal between its birth and its entry in the list. What make returns,
 * -1 with errno: nothing was made. */
static int make_vanishing(char *path, int (*make)(char *path))
{
	sigset_t old;
	int made, e;

	hold_signals(&old);
	made = make(path);
	e = errno;
	if (made >= 0)
		rk_file_vanish(path);
	sigprocmask(SIG_SETMASK, &old, NULL);
	errno = e;
	return made;
}

/* A forked child inherits the list but not the duty. */
static void vanish_all(void)
{
	if (vanish_pid != getpid())
		return;
	for (const struct vanishing *v = vanish; v; v = v->next)
		if (unlink(v->path) < 0 && (errno == EISDIR || errno == EPERM))
			rmdir(v->path);
}

void rk_file_cleanup(void)
{
	struct vanishing *v;

	vanish_all();
	while ((v = vanish)) {
		vanish = v->next;
		free(v);
	}
}

static volatile sig_atomic_t noting, noted;

static void on_signal(int sig)
{
	int saved = errno;

	if (noting && !noted) {
		noted = sig;
		rk_file_handle_signals(); /* SA_RESETHAND took the handler away */
		errno = saved;
		return;
	}
	vanish_all(); /* free() is not for handlers */
	errno = saved;
	raise(sig); /* SA_RESETHAND: now it kills, and the caller sees the signal */
}

void rk_file_handle_signals(void)
{
	static const int sigs[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

	for (size_t i = 0; i < RK_COUNT(sigs); i++) {
		struct sigaction sa = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}, old;

		sigfillset(&sa.sa_mask); /* one at a time: the second one counts as that */
		if (sigaction(sigs[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
			continue; /* nohup and background jobs keep their choice */
		sigaction(sigs[i], &sa, NULL);
	}
}

const volatile sig_atomic_t *rk_file_note_signals(void)
{
	noting = 1;
	return &noted;
}

/* --- reading --- */

#define READ_SIZE ((size_t)65536)

static int read_path(
	const char *path, bool private, size_t max, struct rk_buf *out, struct rk_err *err)
{
	bool piped = rk_streq(path, "-");
	rk_auto_close int fd = piped ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
				     : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	const char *name = piped ? "standard input" : path;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return rk_err_sys(err, "cannot open %s", name);
	if (S_ISDIR(st.st_mode))
		return rk_err_set(err, RK_FAIL, "%s is a directory", name);
	if (private && !piped && S_ISREG(st.st_mode) && (st.st_mode & 077)) {
		rk_err_set(err, RK_CONFLICT, "%s holds a secret but others can read it (mode %03o)",
			path, (unsigned)st.st_mode & 0777);
		return rk_err_hint(err, "run: chmod 600 %s", path);
	}
	if (S_ISREG(st.st_mode) && st.st_size > 0 && (size_t)st.st_size <= max)
		rk_buf_reserve(out, (size_t)st.st_size + READ_SIZE);
	for (;;) {
		ssize_t n = read(fd, rk_buf_reserve(out, READ_SIZE), READ_SIZE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return rk_err_sys(err, "cannot read %s", name);
		if (n == 0)
			return 0;
		rk_buf_grow(out, (size_t)n);
		if (out->len > max)
			return rk_err_set(err, RK_FAIL, "%s is larger than %zu bytes", name, max);
	}
}

int rk_file_read(const char *path, size_t max, struct rk_buf *out, struct rk_err *err)
{
	return read_path(path, false, max, out, err);
}

int rk_file_read_private(const char *path, size_t max, struct rk_buf *out, struct rk_err *err)
{
	return read_path(path, true, max, out, err);
}

void rk_trim_secret(struct rk_buf *b)
{
	if (b->len >= 3 && !memcmp(b->s, "\xEF\xBB\xBF", 3)) {
		memmove(b->s, b->s + 3, b->len - 3);
		b->len -= 3;
		rk_wipe(b->s + b->len, 3);
	}
	while (b->len && strchr("\r\n", b->s[b->len - 1]))
		b->s[--b->len] = '\0';
	b->s[b->len] = '\0';
}

bool rk_file_holds(const char *path, size_t size, size_t at, const void *p, size_t n)
{
	rk_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	rk_auto_buf piece = RK_BUF_INIT_SECRET;
	const char *want = p;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (size_t)st.st_size != size)
		return false;
	while (n) {
		char *s = rk_buf_reserve(&piece, READ_SIZE);
		ssize_t got = pread(fd, s, n < READ_SIZE ? n : READ_SIZE, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || memcmp(s, want, (size_t)got) != 0)
			return false;
		want += got;
		at += (size_t)got;
		n -= (size_t)got;
	}
	return true;
}

/* --- paths --- */

#define LINKS_MAX 40 /* as many as the kernel follows */

char *rk_path_resolve(const char *path, const char *dir)
{
	const char *home = getenv("HOME");

	if (rk_prefix(path, "~/") && home && *home)
		return rk_asprintf("%s/%s", home, path + 2);
	if (*path == '/' || !dir)
		return rk_strdup(path);
	return rk_asprintf("%s/%s", dir, path);
}

static char *dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return rk_strdup(".");
	return slash == path ? rk_strdup("/") : rk_strndup(path, (size_t)(slash - path));
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *rk_exe_dir(void)
{
	rk_auto_free char *exe = realpath("/proc/self/exe", NULL);

	return exe ? dir_of(exe) : rk_strdup(".");
}

/* The file that is written: links followed, also where the last of them points to nothing yet, as
 * open() does for kubectl. NULL and errno when they form a loop. */
static char *real_target(const char *path)
{
	rk_auto_free char *at = rk_strdup(path);
	char to[PATH_MAX];

	for (int i = 0; i <= LINKS_MAX; i++) {
		rk_auto_free char *dir = NULL;
		char *real = realpath(at, NULL);
		ssize_t n;

		if (real || errno == ELOOP)
			return real;
		n = readlink(at, to, sizeof(to) - 1);
		if (n <= 0)
			return rk_steal(&at);
		to[n] = 0;
		dir = dir_of(at);
		free(at);
		at = *to == '/' ? rk_strdup(to) : rk_asprintf("%s/%s", dir, to);
	}
	errno = ELOOP;
	return NULL;
}

static int make_dirs(const char *dir, struct rk_err *err)
{
	rk_auto_free char *d = rk_strdup(dir);

	for (char *p = d + 1;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = 0;
		if (mkdir(d, 0700) < 0 && errno != EEXIST)
			return rk_err_sys(err, "cannot create directory %s", d);
		*p = c;
		if (!c)
			return 0;
	}
}

/* --- replacing --- */

#define NEIGHBOUR ".rk3k-"

#define ACL "system.posix_acl_access"

/* The ACL and the other extended attributes of the file that is replaced. Without its ACL the mode of
 * such a file would give its group what the ACL gave to somebody else; and one that the neighbour got
 * from its directory would grant rights that did not exist before. The system assigns security labels,
 * which not every user may set. */
static int copy_attributes(const char *from, int to)
{
	ssize_t n = listxattr(from, NULL, 0);
	rk_auto_buf names = RK_BUF_INIT;

	if (fremovexattr(to, ACL) < 0 && errno != ENODATA && errno != ENOTSUP)
		return -1;
	if (n > 0)
		n = listxattr(from, rk_buf_reserve(&names, (size_t)n + 1), (size_t)n);
	if (n < 0)
		return errno == ENOTSUP ? 0 : -1;
	rk_buf_grow(&names, n > 0 ? (size_t)n : 0);
	for (const char *name = names.s; name < names.s + names.len; name += strlen(name) + 1) {
		rk_auto_buf value = RK_BUF_INIT_SECRET;

		n = getxattr(from, name, NULL, 0);
		if (n >= 0)
			n = getxattr(from, name, rk_buf_reserve(&value, (size_t)n), (size_t)n);
		if (n < 0 && errno == ENODATA)
			continue;
		if (n < 0 || (fsetxattr(to, name, value.s, (size_t)n, 0) < 0 &&
				     (rk_streq(name, ACL) || rk_prefix(name, "user."))))
			return -1;
	}
	return 0;
}

/* Fill the neighbour: mode and owner first, so that the bytes are never more open than the file
 * they replace; an owner that cannot be kept is an error, not a silent change. */
static int fill_neighbour(
	int fd, const char *p, size_t n, mode_t mode, const struct stat *old, const char *target)
{
	struct stat now;

	if (fstat(fd, &now) < 0)
		return -1;
	if (old && (now.st_uid != old->st_uid || now.st_gid != old->st_gid) &&
		fchown(fd, old->st_uid, old->st_gid) < 0)
		return -1;
	if (old && copy_attributes(target, fd) < 0)
		return -1;
	if (fchmod(fd, old ? old->st_mode & 07777 : mode) < 0)
		return -1;
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno != EINTR)
			return -1;
		p += w > 0 ? w : 0;
		n -= w > 0 ? (size_t)w : 0;
	}
	return fsync(fd);
}

/* Locked as long as it is open, so that remove_left leaves it alone; one that it has removed before
 * it was locked is made again. */
static int make_neighbour(char *template)
{
	size_t n = strlen(template) - 6;

	for (;;) {
		struct stat st;
		int fd = mkostemp(template, O_CLOEXEC);

		if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &st) < 0 || st.st_nlink)
			return fd;
		close(fd);
		memcpy(template + n, "XXXXXX", 6);
	}
}

/* Remove neighbours that a killed program has left: they hold what the file holds, keys included. A
 * living one is locked. */
static void remove_left(const char *target, const char *dir)
{
	rk_auto_free char *prefix = rk_asprintf("%s" NEIGHBOUR, base_of(target));
	size_t n = strlen(prefix);
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		rk_auto_free char *path = NULL;
		rk_auto_close int fd = -1;
		struct stat st;

		if (strncmp(e->d_name, prefix, n) != 0 || strlen(e->d_name) != n + 6)
			continue;
		path = rk_asprintf("%s/%s", dir, e->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
			st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0)
			unlink(path);
	}
	if (d)
		closedir(d);
}

int rk_file_replace(
	const char *path, const void *p, size_t n, mode_t mode, bool *changed, struct rk_err *err)
{
	rk_auto_free char *target = real_target(path), *dir = NULL, *tmp = NULL;
	rk_auto_close int fd = -1, dir_fd = -1;
	struct stat st;
	bool exists;
	int rc;

	if (changed)
		*changed = false;
	if (!target)
		return rk_err_sys(err, "cannot write %s", path);
	exists = stat(target, &st) == 0;
	if (exists && !S_ISREG(st.st_mode))
		return rk_err_set(err, RK_FAIL, "%s is not a regular file", target);
	if (exists && rk_file_holds(target, n, 0, p, n))
		return 0;
	dir = dir_of(target);
	if (make_dirs(dir, err) < 0)
		return -1;

	remove_left(target, dir);
	tmp = rk_asprintf("%s" NEIGHBOUR "XXXXXX", target);
	fd = make_vanishing(tmp, make_neighbour);
	if (fd < 0) {
		rk_err_sys(err, "cannot write beside %s", target);
		return rk_err_hint(err, "make the directory %s writable", dir);
	}
	if (fill_neighbour(fd, p, n, mode, exists ? &st : NULL, target) < 0) {
		rc = rk_err_sys(err, "cannot write %s", target);
	} else if (rename(tmp, target) == 0) {
		rc = 0;
	} else if (errno == EBUSY || errno == EXDEV) {
		rk_err_set(err, RK_CONFLICT,
			"cannot replace %s: it is a mount point, so it cannot be renamed over",
			target);
		rc = rk_err_hint(err, "mount the directory instead of the file");
	} else {
		rc = rk_err_sys(err, "cannot replace %s", target);
	}
	if (rc < 0)
		unlink(tmp);
	vanish_forget(tmp);
	if (rc < 0)
		return -1;

	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd >= 0)
		fsync(dir_fd); /* best effort: the rename itself is already atomic */
	if (changed)
		*changed = true;
	return 0;
}

/* --- clientcmd's lock --- */

struct rk_lock {
	size_t n;
	char *path[];
};

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int make_lock(char *path)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd;
}

static int lock_one(char *lock, int wait_ms, struct rk_err *err)
{
	rk_auto_free char *dir = dir_of(lock);

	if (make_dirs(dir, err) < 0)
		return -1;
	for (int waited = 0;; waited += 50) {
		if (make_vanishing(lock, make_lock) >= 0)
			return 0;
		if (errno != EEXIST)
			return rk_err_sys(err, "cannot create the lock %s", lock);
		if (waited >= wait_ms) {
			rk_err_set(err, RK_CONFLICT, "%s is held by another process", lock);
			rk_err_reason(err, RK_REASON_LOCKED);
			return rk_err_hint(
				err, "if no kubectl or rk3k is running, remove it: rm -f %s", lock);
		}
		rk_task_pause(50);
	}
}

/* Two spellings of one file must not block each other. */
static bool same_lock(const char *x, const char *y)
{
	rk_auto_free char *dx = dir_of(x), *dy = dir_of(y);
	struct stat a, b;

	return strcmp(base_of(x), base_of(y)) == 0 && stat(dx, &a) == 0 && stat(dy, &b) == 0 &&
	       a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* Each path as spelled, and its real path when that differs. */
int rk_file_lock(
	struct rk_lock **out, const char *const *paths, size_t n, int wait_ms, struct rk_err *err)
{
	struct rk_lock *l = rk_calloc(1, sizeof(*l) + 2 * n * sizeof(l->path[0]));
	size_t all = 0, k;
	int rc = 0;

	*out = NULL;
	for (size_t i = 0; i < n; i++) {
		rk_auto_free char *real = real_target(paths[i]);

		l->path[all++] = rk_asprintf("%s.lock", paths[i]);
		if (real && strcmp(real, paths[i]) != 0)
			l->path[all++] = rk_asprintf("%s.lock", real);
	}
	qsort(l->path, all, sizeof(l->path[0]), by_bytes);
	for (size_t i = 0; i < all; i++) {
		char *name = l->path[i];

		for (k = 0; k < l->n && !same_lock(name, l->path[k]);)
			k++;
		if (k == l->n && rc == 0 && (rc = lock_one(name, wait_ms, err)) == 0)
			l->path[l->n++] = name;
		else
			free(name);
	}
	if (rc == 0)
		*out = l;
	else
		rk_file_unlock(l);
	return rc;
}

void rk_file_unlock(struct rk_lock *l)
{
	if (!l)
		return;
	while (l->n > 0) {
		char *p = l->path[--l->n];
		sigset_t old;

		/* a signal in between would unlink the next owner's lock */
		hold_signals(&old);
		unlink(p);
		vanish_forget(p);
		sigprocmask(SIG_SETMASK, &old, NULL);
		free(p);
	}
	free(l);
}

/* --- temporary directory --- */

static int make_dir(char *template)
{
	return mkdtemp(template) ? 0 : -1;
}

/* SIGKILL runs no handler, so a separate process removes the directory afterwards: when the end of the pipe
 * comes, since its other end is open as long as we live. */
static int start_guard(const char *dir, struct rk_err *err)
{
	static const int sigs[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	int fds[2];
	struct dirent *e;
	pid_t pid;
	DIR *d;
	char c;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return rk_err_sys(err, "pipe");
	pid = fork();
	if (pid != 0) {
		close(fds[0]);
		return pid < 0 ? rk_err_sys(err, "fork") : 0;
	}
	for (size_t i = 0; i < RK_COUNT(sigs); i++)
		signal(sigs[i], SIG_IGN);
	setsid();
	dup2(fds[0], STDIN_FILENO);
	closefrom(STDIN_FILENO + 1);
	while (read(STDIN_FILENO, &c, 1) < 0 && errno == EINTR)
		;
	d = opendir(dir);
	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	rmdir(dir);
	_exit(0);
}

int rk_file_tempdir(char **path, struct rk_err *err)
{
	const char *dirs[] = {getenv("XDG_RUNTIME_DIR"), "/dev/shm", getenv("TMPDIR"), "/tmp"};

	*path = NULL;
	for (size_t i = 0; i < RK_COUNT(dirs); i++) {
		rk_auto_free char *p = NULL;

		if (!dirs[i] || !*dirs[i])
			continue;
		p = rk_asprintf("%s/rk3k-XXXXXX", dirs[i]);
		if (make_vanishing(p, make_dir) < 0)
			continue;
		if (start_guard(p, err) < 0)
			return -1;
		*path = rk_steal(&p);
		return 0;
	}
	return rk_err_sys(err, "cannot create a temporary directory in /dev/shm or /tmp");
}
