/* The thread that exposes and delivers: it waits for the time of the next frame, fills a buffer and puts it out. */
#include <limits.h>
#include <string.h>
#include <time.h>

#include "simulator.h"

pthread_cond_t engine_wake, frame_arrived;

static pthread_t thread;
static bool thread_runs, stop_asked, rescheduled;
static int64_t stalled_until_ns, next_number, first_of_ids;

/* Condition variables that wait on the monotonic clock. */
__attribute__((constructor)) static void make_conditions(void)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&engine_wake, &attributes);
    pthread_cond_init(&frame_arrived, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* GigE Vision block ids of 16 bits run from 1 to 65535 and skip 0; longer ones count on. */
static uint64_t frame_id_of(int64_t number)
{
    uint64_t id = (uint64_t)(config.frame_id_restarts ? number - first_of_ids : number);
    return config.frame_id_bits == 16 ? id % 65535 + 1 : id + 1;
}

static void deliver(const Exposure *exposure)
{
    stream.started++;
    log_exposure(exposure->time_ns, exposure->time_ns + (int64_t)(get_float(REG_EXPOSURE_TIME) * 1000));
    if (fault_hits(FAULT_DROPPED, exposure->number))
        return;
    if (!stream.input_count) {
        stream.underrun++;
        return;
    }
    int index = stream.input[0];
    memmove(stream.input, stream.input + 1, sizeof stream.input[0] * (size_t)--stream.input_count);
    Buffer *buffer = &stream.buffers[index];
    buffer->acquiring = true;
    size_t filled = write_payload(buffer, exposure, frame_id_of(exposure->number));
    buffer->acquiring = false;
    buffer->incomplete = filled < buffer->payload_size || fault_hits(FAULT_INCOMPLETE, exposure->number);
    buffer->filled = buffer->incomplete ? filled * 3 / 4 : filled; /* the last packets did not come */
    buffer->new_data = true;
    stream.output[stream.output_count++] = index;
    stream.delivered++;
    pthread_cond_broadcast(&frame_arrived);
}

static void wait_until(int64_t time_ns)
{
    int64_t limit = now_ns() + 100000000; /* looks at the link and the registers again at least this often */
    if (time_ns > limit)
        time_ns = limit;
    struct timespec until = {time_ns / 1000000000, time_ns % 1000000000};
    pthread_cond_timedwait(&engine_wake, &lock, &until);
}

/* The host has a frame when it is exposed, read out and sent; a stall holds it back further. */
static int64_t arrival_ns(const Exposure *exposure)
{
    if (exposure->time_ns == INT64_MAX)
        return INT64_MAX;
    int64_t arrival = exposure->time_ns + (int64_t)(get_float(REG_EXPOSURE_TIME) * 1000) + config.transfer_ns;
    return arrival > stalled_until_ns ? arrival : stalled_until_ns;
}

static void *run(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    while (!stop_asked) {
        if (rescheduled) { /* ids that begin again with an acquisition go on within it */
            int64_t number = first_number(now_ns());
            first_of_ids += number - next_number;
            next_number = number;
            rescheduled = false;
        }
        Exposure exposure = next_exposure(next_number);
        const Fault *stall = fault_active(FAULT_STALL, now_ns());
        if (stall)
            stalled_until_ns = pack_time_ns(stall->pack) + stall->duration_ns;
        int64_t due = arrival_ns(&exposure);
        if (device_lost() || now_ns() < due) {
            wait_until(device_lost() ? INT64_MAX : due);
            continue;
        }
        next_number++; /* first: while pixels are copied the trigger may be changed, which goes on from here */
        deliver(&exposure);
    }
    pthread_mutex_unlock(&lock);
    return 0;
}

void engine_start(void)
{
    pthread_mutex_lock(&lock);
    bool start = stream.grabbing && !thread_runs;
    if (start) {
        belt_start();
        schedule_restart(now_ns(), 0);
        next_number = first_of_ids = 0;
        stop_asked = false;
        rescheduled = true;
        stalled_until_ns = 0;
        thread_runs = pthread_create(&thread, 0, run, 0) == 0;
    }
    pthread_mutex_unlock(&lock);
}

void engine_stop(void)
{
    pthread_mutex_lock(&lock);
    bool runs = thread_runs;
    thread_runs = false;
    stop_asked = true;
    pthread_cond_broadcast(&engine_wake);
    pthread_mutex_unlock(&lock);
    if (runs)
        pthread_join(thread, 0);
}

void engine_reschedule(int64_t at_ns)
{
    schedule_restart(at_ns, next_number);
    rescheduled = true;
}
