/* The belt: packs pass the light barrier at a given rate, on the wall clock, from a start time kept in the run folder.
 *
 * The belt does not stop for a camera: whoever opens the camera later, in whatever process, sees the pack that is there now.
 */
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "simulator.h"

#define BARRIER_HIGH 0.4 /* part of the pitch for which a pack covers the light barrier */

static _Atomic int64_t start_ns; /* 0 = the belt has not been started */

int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static double period_ns(void) { return 1e9 / config.rate_hz; }

bool belt_running(void)
{
    if (start_ns)
        return true;
    char path[1100], text[64];
    snprintf(path, sizeof path, "%s/belt", config.folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    text[length > 0 ? length : 0] = 0;
    start_ns = strtoll(text, 0, 10);
    return start_ns != 0;
}

/* The first acquisition starts the belt; a file linked into place whole makes one start out of any race. */
void belt_start(void)
{
    if (belt_running())
        return;
    char path[1100], made[1200], text[64];
    snprintf(path, sizeof path, "%s/belt", config.folder);
    snprintf(made, sizeof made, "%s.%d", path, getpid());
    int fd = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int length = snprintf(text, sizeof text, "%lld\n", (long long)(now_ns() + config.lead_in_ns));
    bool written = fd >= 0 && write(fd, text, (size_t)length) == length;
    if (fd >= 0)
        close(fd);
    if (written)
        (void)!link(made, path);
    unlink(made);
    if (!belt_running())
        start_ns = now_ns() + config.lead_in_ns; /* folder not writable: this process alone knows the start */
}

int64_t pack_limit(void)
{
    if (config.frame_count > 0)
        return config.frame_count;
    return config.loop ? INT64_MAX : frames.entry_count;
}

int64_t pack_time_ns(int64_t pack) { return start_ns + (int64_t)llround((double)(pack + 1) * period_ns()); }

/* How many packs have passed the barrier. */
int64_t packs_passed(int64_t at_ns)
{
    if (!start_ns || at_ns < start_ns)
        return 0;
    int64_t count = (int64_t)((double)(at_ns - start_ns) / period_ns());
    while (pack_time_ns(count) <= at_ns)
        count++;
    while (count > 0 && pack_time_ns(count - 1) > at_ns)
        count--;
    return count < pack_limit() ? count : pack_limit();
}

int64_t encoder_counts(int64_t at_ns)
{
    if (!start_ns || at_ns < start_ns)
        return 0;
    double counts = floor((double)(at_ns - start_ns) / period_ns() * (double)config.encoder_counts_per_pack + 1e-6);
    double end = pack_limit() == INT64_MAX ? 9e18 : (double)pack_limit() * (double)config.encoder_counts_per_pack;
    return (int64_t)(counts < end ? counts : end);
}

/* When the belt reaches a count; INT64_MAX past the last pack. */
int64_t encoder_count_time_ns(int64_t count)
{
    if (pack_limit() != INT64_MAX && count > pack_limit() * config.encoder_counts_per_pack)
        return INT64_MAX;
    return start_ns + (int64_t)llround((double)count / (double)config.encoder_counts_per_pack * period_ns());
}

/* The camera's own clock: another origin, and a crystal that drifts. */
int64_t device_clock_ns(int64_t at_ns)
{
    int64_t since = at_ns - config.device_clock_origin_ns;
    return since + (int64_t)((double)since * config.clock_drift_ppm * 1e-6);
}

bool barrier_is_high(int64_t at_ns)
{
    int64_t passed = packs_passed(at_ns);
    return passed > 0 && at_ns < pack_time_ns(passed - 1) + (int64_t)(BARRIER_HIGH * period_ns());
}

/* The fault of a kind whose time window holds this moment. */
const Fault *fault_active(FaultKind kind, int64_t at_ns)
{
    if (!belt_running())
        return 0;
    for (int i = 0; i < config.fault_count; i++) {
        const Fault *fault = &config.faults[i];
        int64_t begin = fault->kind == kind ? pack_time_ns(fault->pack) : INT64_MAX;
        if (begin <= at_ns && at_ns < begin + fault->duration_ns)
            return fault;
    }
    return 0;
}

bool fault_hits(FaultKind kind, int64_t number)
{
    for (int i = 0; i < config.fault_count; i++)
        if (config.faults[i].kind == kind && config.faults[i].pack == number)
            return true;
    return false;
}
