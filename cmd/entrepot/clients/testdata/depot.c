/* Calls the depot API through xmlrpc-c: depot URL USERNAME
 *
 * SALT comes from the environment. The library writes the same bytes for the
 * same call, so the checksum is computed over what xmlrpc_serialize_call
 * makes, by md5sum, and put into the address before the call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xmlrpc-c/base.h>
#include <xmlrpc-c/client.h>

static void die_on_fault(const char *what, xmlrpc_env *env) {
    if (env->fault_occurred) {
        printf("fault %d %s\n", env->fault_code, env->fault_string);
        fprintf(stderr, "%s failed\n", what);
        exit(1);
    }
}

/* checksum fills in 32 hex digits and a NUL. */
static void checksum(const char *body, size_t size, char out[33]) {
    char name[] = "/tmp/depot-XXXXXX", command[64];
    int fd = mkstemp(name);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!f || fwrite(body, 1, size, f) != size || fputs(getenv("SALT"), f) < 0 || fclose(f)) exit(2);
    snprintf(command, sizeof command, "md5sum <%s", name);
    f = popen(command, "r");
    if (!f || !fgets(out, 33, f)) exit(2);
    pclose(f);
    remove(name);
}

/* call carries out a method with one struct. */
static xmlrpc_value *call(const char *url, const char *method, xmlrpc_value *members) {
    xmlrpc_env env;
    char sum[33], *address = malloc(strlen(url) + 64);
    xmlrpc_env_init(&env);
    xmlrpc_mem_block *body = XMLRPC_MEMBLOCK_NEW(char, &env, 0);
    xmlrpc_value *params = xmlrpc_build_value(&env, "(V)", members);
    xmlrpc_serialize_call(&env, body, method, params);
    die_on_fault("writing the call", &env);
    checksum(XMLRPC_MEMBLOCK_CONTENTS(char, body), XMLRPC_MEMBLOCK_SIZE(char, body), sum);
    sprintf(address, "%s?checksum=%s", url, sum);
    xmlrpc_value *result = xmlrpc_client_call_params(&env, address, method, params);
    die_on_fault(method, &env);
    return result;
}

int main(int argc, char **argv) {
    xmlrpc_env env;
    if (argc != 3) return 2;
    xmlrpc_env_init(&env);
    xmlrpc_client_init2(&env, XMLRPC_CLIENT_NO_FLAGS, "depot test", "1", NULL, 0);
    die_on_fault("starting the client", &env);

    const char *id;
    xmlrpc_value *made = call(argv[1], "depot.createdepot", xmlrpc_build_value(&env, "{s:i,s:s,s:I,s:(ss)}",
        "requesttime", (xmlrpc_int32)time(NULL), "username", argv[2], "disclimit", (xmlrpc_int64)5 << 30, "userlist", "alice", "bob"));
    xmlrpc_decompose_value(&env, made, "{s:s,*}", "depotid", &id);
    die_on_fault("reading the reply", &env);

    xmlrpc_value *found = call(argv[1], "depot.getdepotdata", xmlrpc_build_value(&env, "{s:i,s:s}",
        "requesttime", (xmlrpc_int32)time(NULL), "username", argv[2]));
    xmlrpc_value *list, *depot;
    const char *again;
    xmlrpc_int64 limit;
    xmlrpc_decompose_value(&env, found, "{s:A,*}", "depotdata", &list);
    xmlrpc_array_read_item(&env, list, 0, &depot);
    xmlrpc_decompose_value(&env, depot, "{s:s,s:I,*}", "depotid", &again, "disclimit", &limit);
    die_on_fault("reading the list", &env);
    printf("%s %s %lld\n", id, again, (long long)limit);
    call(argv[1], "depot.deletedepot", xmlrpc_build_value(&env, "{s:i,s:s,s:s}",
        "requesttime", (xmlrpc_int32)time(NULL), "username", argv[2], "depotid", id));
    call(argv[1], "depot.getdepotdata", xmlrpc_build_value(&env, "{s:i,s:s}",
        "requesttime", (xmlrpc_int32)time(NULL), "username", argv[2])); /* a fault */
    return 3;
}
