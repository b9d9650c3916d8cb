/* What the files of the simulator share: the state of one camera, its belt, its registers and its stream. */
#ifndef VISION_SIMULATOR_H
#define VISION_SIMULATOR_H

#include <pthread.h>
#include <stdbool.h>

#include "description.h" /* made by build.py: register addresses, defaults, XML */
#include "gentl.h"

#define VENDOR "packline"
#define MODEL "Vision Simulator"
#define VERSION "1.0"
#define TLTYPE "GEV"
#define MONO8 0x01080001u
#define FAULTS_MAX 4096
#define BUFFERS_MAX 256
#define SOFTWARE_TRIGGERS_MAX 64
#define REGISTER_BASE 0x1000u
#define LINES 5

typedef enum { MODULE_SYSTEM = 0x51a0, MODULE_INTERFACE, MODULE_DEVICE, MODULE_REMOTE, MODULE_STREAM, MODULE_EVENT, MODULE_BUFFER } ModuleKind;

typedef struct {
    ModuleKind kind;
    bool open;
} Module;

typedef enum { FAULT_INCOMPLETE, FAULT_DROPPED, FAULT_UNPLUG, FAULT_STALL, FAULT_SLOW_REGISTERS } FaultKind;

typedef struct {
    FaultKind kind;
    int64_t pack;        /* counted from 0 */
    int64_t duration_ns; /* 0 for the kinds that hit one frame */
} Fault;

typedef struct {
    uint32_t background, x, y, width, height, reserved;
    uint64_t offset; /* of the patch, from the start of the file */
} FrameEntry;

typedef struct {
    char serial_number[64], user_id[64], frames_path[1024], folder[1024], edges_path[1024];
    double rate_hz, clock_drift_ppm;
    int64_t frame_count, loop, encoder_counts_per_pack, transfer_ns, lead_in_ns, frame_id_bits, frame_id_restarts;
    int64_t slow_register_ns, device_clock_origin_ns;
    Fault faults[FAULTS_MAX];
    int fault_count;
} Config;

typedef struct {
    const uint8_t *bytes;
    size_t size;
    uint32_t width, height, background_count, entry_count;
    const uint8_t *backgrounds;
    const FrameEntry *entries;
} Frames;

typedef struct {
    int64_t number;  /* exposures of this source since the belt (or the acquisition) began, from 0 */
    int64_t pack;    /* which frame of the replay is before the lens */
    int64_t time_ns; /* host monotonic clock, start of the exposure; INT64_MAX = none is due */
} Exposure;

typedef struct {
    Module module;
    uint8_t *base;
    size_t size, filled, payload_size;
    void *user;
    bool announced, owned, queued, acquiring, new_data, incomplete, has_chunks;
    uint64_t frame_id, timestamp_ns;
    uint32_t width, height, offset_x, offset_y;
} Buffer;

typedef struct {
    Module module;
    Buffer buffers[BUFFERS_MAX];
    int input[BUFFERS_MAX], input_count;
    int output[BUFFERS_MAX], output_count;
    uint64_t delivered, underrun, started, fired;
    bool grabbing, event_registered, event_killed;
} Stream;

/* One lock for all state; the engine gives it away while it copies pixels. */
extern pthread_mutex_t lock;
extern pthread_cond_t frame_arrived, engine_wake;
extern Config config;
extern Frames frames;
extern Module system_module, interface_module, device_module, remote_module, event_module;
extern Stream stream;

/* errors.c */
int32_t fail(int32_t code, const char *format, ...) __attribute__((format(printf, 2, 3)));
int32_t put_string(const char *text, int32_t *type, void *buffer, size_t *size);
int32_t put_number(int32_t kind, uint64_t value, int32_t *type, void *buffer, size_t *size);
int32_t put_bytes(const void *bytes, size_t length, int32_t *type, void *buffer, size_t *size);

/* config.c */
int32_t load_config(void);
void unload_config(void);

/* belt.c: the belt runs on the wall clock, whoever looks at it */
int64_t now_ns(void);
void belt_start(void);
bool belt_running(void);
int64_t pack_limit(void);
int64_t pack_time_ns(int64_t pack);
int64_t packs_passed(int64_t at_ns);
int64_t encoder_counts(int64_t at_ns);
int64_t encoder_count_time_ns(int64_t count);
int64_t device_clock_ns(int64_t at_ns);
bool barrier_is_high(int64_t at_ns);
const Fault *fault_active(FaultKind kind, int64_t at_ns);
bool fault_hits(FaultKind kind, int64_t number);

/* device.c */
bool device_lost(void);
bool device_plugged(void);

/* registers.c */
int64_t get_int(uint32_t address);
double get_float(uint32_t address);
void set_int(uint32_t address, int64_t value);
void reset_registers(void);
int32_t read_registers(uint64_t address, void *data, size_t size);
int32_t write_registers(uint64_t address, const void *data, size_t size);

/* lines.c */
int64_t line_status_all(int64_t at_ns);
void lines_changed(int64_t at_ns);
void start_timer(int64_t at_ns);
void log_exposure(int64_t start_ns, int64_t end_ns);
int64_t counter_value(int64_t counter, int64_t at_ns);
void reset_counter(int64_t counter, int64_t at_ns);

/* exposure.c */
void schedule_restart(int64_t at_ns, int64_t number);
bool trigger_software(int64_t at_ns);
Exposure next_exposure(int64_t number);
int64_t first_number(int64_t at_ns);

/* image.c */
size_t payload_size(void);
size_t write_payload(Buffer *buffer, const Exposure *exposure, uint64_t frame_id);

/* engine.c */
void engine_start(void);
void engine_stop(void);
void engine_reschedule(int64_t at_ns); /* the trigger was changed; called with the lock held */

#endif
