/* Ports: register access and the XML of each module. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "simulator.h"

static const struct { ModuleKind kind; const char *port, *module, *xml; const size_t *xml_size; } ports[] = {
    {MODULE_SYSTEM, "TLPort", "TLSystem", xml_system, &xml_system_size},
    {MODULE_INTERFACE, "InterfacePort", "TLInterface", xml_interface, &xml_interface_size},
    {MODULE_DEVICE, "DevicePort", "TLDevice", xml_device, &xml_device_size},
    {MODULE_REMOTE, "Device", "Device", xml_remote, &xml_remote_size},
    {MODULE_STREAM, "StreamPort", "TLDataStream", xml_stream, &xml_stream_size},
};

/* Index into ports, or -1 with the error set. */
static int port_of(const void *handle)
{
    const Module *module = handle;
    if (module != &system_module && module != &interface_module && module != &device_module && module != &remote_module && module != &stream.module)
        return fail(GC_ERR_INVALID_HANDLE, "the handle is of no port"), -1;
    if (!module->open)
        return fail(GC_ERR_INVALID_HANDLE, "the module is not open"), -1;
    return (int)(module->kind - MODULE_SYSTEM);
}

/* What every access of the camera itself suffers: a dead link, or a slow one. */
static int32_t reach_camera(void)
{
    if (device_lost())
        return fail(GC_ERR_IO, "the camera does not answer");
    if (fault_active(FAULT_SLOW_REGISTERS, now_ns())) {
        struct timespec wait = {config.slow_register_ns / 1000000000, config.slow_register_ns % 1000000000};
        nanosleep(&wait, 0);
    }
    return GC_ERR_SUCCESS;
}

static int32_t read_port(const void *handle, uint64_t address, void *data, size_t *size)
{
    int index = port_of(handle);
    if (index < 0)
        return GC_ERR_INVALID_HANDLE;
    bool remote = ports[index].kind == MODULE_REMOTE;
    int32_t code = remote ? reach_camera() : GC_ERR_SUCCESS;
    if (code)
        return code;
    if (address >= XML_ADDRESS) {
        uint64_t offset = address - XML_ADDRESS;
        if (offset >= *ports[index].xml_size)
            return fail(GC_ERR_INVALID_ADDRESS, "past the end of the XML");
        if (*size > *ports[index].xml_size - offset)
            *size = *ports[index].xml_size - offset;
        memcpy(data, ports[index].xml + offset, *size);
        return GC_ERR_SUCCESS;
    }
    if (remote)
        return read_registers(address, data, *size);
    if (address != REGISTER_BASE)
        return fail(GC_ERR_INVALID_ADDRESS, "no register at %#llx", (unsigned long long)address);
    memset(data, 0, *size);
    strncpy(data, ports[index].kind == MODULE_DEVICE ? config.serial_number : ports[index].module, *size);
    return GC_ERR_SUCCESS;
}

static int32_t write_port(const void *handle, uint64_t address, const void *data, const size_t *size)
{
    int index = port_of(handle);
    if (index < 0)
        return GC_ERR_INVALID_HANDLE;
    if (ports[index].kind != MODULE_REMOTE)
        return fail(GC_ERR_ACCESS_DENIED, "nothing to write in this module");
    int32_t code = reach_camera();
    return code ? code : write_registers(address, data, *size);
}

GC_API GCReadPort(void *handle, uint64_t address, void *data, size_t *size) { return read_port(handle, address, data, size); }

GC_API GCWritePort(void *handle, uint64_t address, const void *data, size_t *size) { return write_port(handle, address, data, size); }

GC_API GCReadPortStacked(void *handle, PortEntry *entries, size_t *count)
{
    for (size_t i = 0; i < *count; i++) {
        size_t size = entries[i].size;
        int32_t code = read_port(handle, entries[i].address, entries[i].data, &size);
        if (code) {
            *count = i;
            return code;
        }
    }
    return GC_ERR_SUCCESS;
}

GC_API GCWritePortStacked(void *handle, PortEntry *entries, size_t *count)
{
    for (size_t i = 0; i < *count; i++) {
        int32_t code = write_port(handle, entries[i].address, entries[i].data, &entries[i].size);
        if (code) {
            *count = i;
            return code;
        }
    }
    return GC_ERR_SUCCESS;
}

static void url_of(int index, char *url, size_t size)
{
    snprintf(url, size, "Local:vision_simulator_%s.xml;%llx;%zx", ports[index].module, (unsigned long long)XML_ADDRESS, *ports[index].xml_size);
}

GC_API GCGetPortURL(void *handle, char *url, size_t *size)
{
    int index = port_of(handle);
    char text[128];
    if (index < 0)
        return GC_ERR_INVALID_HANDLE;
    url_of(index, text, sizeof text);
    return put_string(text, 0, url, size);
}

GC_API GCGetNumPortURLs(void *handle, uint32_t *count)
{
    *count = 1;
    return port_of(handle) < 0 ? GC_ERR_INVALID_HANDLE : GC_ERR_SUCCESS;
}

GC_API GCGetPortURLInfo(void *handle, uint32_t url_index, int32_t command, int32_t *type, void *buffer, size_t *size)
{
    int index = port_of(handle);
    char text[128];
    if (index < 0)
        return GC_ERR_INVALID_HANDLE;
    if (url_index != 0)
        return fail(GC_ERR_INVALID_INDEX, "there is one URL");
    switch (command) {
    case URL_URL:
        url_of(index, text, sizeof text);
        return put_string(text, type, buffer, size);
    case URL_SCHEMA_MAJOR: case URL_SCHEMA_MINOR: case URL_FILE_MAJOR: return put_number(TYPE_INT32, 1, type, buffer, size);
    case URL_FILE_MINOR: case URL_FILE_SUBMINOR: case URL_SCHEME: return put_number(TYPE_INT32, 0, type, buffer, size);
    case URL_FILE_ADDRESS: return put_number(TYPE_UINT64, XML_ADDRESS, type, buffer, size);
    case URL_FILE_SIZE: return put_number(TYPE_UINT64, *ports[index].xml_size, type, buffer, size);
    case URL_FILENAME:
        snprintf(text, sizeof text, "vision_simulator_%s.xml", ports[index].module);
        return put_string(text, type, buffer, size);
    default: return fail(GC_ERR_NOT_AVAILABLE, "URL info %d", command);
    }
}

GC_API GCGetPortInfo(void *handle, int32_t command, int32_t *type, void *buffer, size_t *size)
{
    int index = port_of(handle);
    if (index < 0)
        return GC_ERR_INVALID_HANDLE;
    switch (command) {
    case PORT_ID: return put_string(ports[index].port, type, buffer, size);
    case PORT_VENDOR: return put_string(VENDOR, type, buffer, size);
    case PORT_MODEL: return put_string(MODEL, type, buffer, size);
    case PORT_TLTYPE: return put_string(TLTYPE, type, buffer, size);
    case PORT_MODULE: return put_string(ports[index].module, type, buffer, size);
    case PORT_VERSION: return put_string(VERSION, type, buffer, size);
    case PORT_PORTNAME: return put_string(ports[index].port, type, buffer, size);
    case PORT_LITTLE_ENDIAN: case PORT_ACCESS_READ: return put_number(TYPE_BOOL8, 1, type, buffer, size);
    case PORT_ACCESS_WRITE: return put_number(TYPE_BOOL8, ports[index].kind == MODULE_REMOTE, type, buffer, size);
    case PORT_BIG_ENDIAN: case PORT_ACCESS_NA: case PORT_ACCESS_NI: return put_number(TYPE_BOOL8, 0, type, buffer, size);
    default: return fail(GC_ERR_NOT_IMPLEMENTED, "port info %d", command);
    }
}
