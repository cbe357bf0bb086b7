// The statements of the version before tasks could sync, as it sent them: a release is deployed after
// the database is migrated, so for a while they run on the new schema.

const me = `with "me" as (select "id" from "users"
    where ("users"."id" = $1 and ($2::uuid is null or exists (select "id" from "sessions"
    where ("sessions"."id" = $3::uuid and ("sessions"."user_id" = "users"."id" and "sessions"."salt" = substr("users"."hashed_password", 8, 22) and "sessions"."expires_at" > now()))))))`

const columns = `"id", "title", "description", "completed",
    to_char("completed_at" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "completed_at", "priority", "tags", "due_date",
    to_char("due_time", 'HH24:MI') as "due_time", "order",
    to_char("created_at" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "created_at",
    to_char("updated_at" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "updated_at"`

const end = `select "id", (select coalesce(json_agg("work"), '[]') from "work") from "me"`

export const signUp = `insert into "users" ("id", "email", "hashed_password", "created_at")
    values (default, $1, $2, default)
    on conflict ("email") do nothing
    returning "id", "email",
    to_char("created_at" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "created_at"`

export const beginSession = `with "session" as (insert into "sessions" ("id", "user_id", "salt", "user_agent", "created_at", "last_used_at", "expires_at") select gen_random_uuid() as "id", "id", substr("hashed_password", 8, 22) as "salt", $1::text as "user_agent", now() as "created_at", now() as "last_used_at", now() + interval '30 days' as "expires_at" from "users"
    where ("users"."id" = $2 and substr("users"."hashed_password", 8, 22) = substr($3::text, 8, 22))
    for no key update
    returning "id"),
    "token" as (insert into "refresh_tokens" ("hash", "session_id", "spent_at", "successor") select $4, id, null::timestamptz, null
    from (select id from "session") session (id)
    returning "hash"),
    "forgotten" as (delete from "guesses"
    where "guesses"."email_hash" in (select encode(sha256(convert_to(email, 'UTF8')), 'hex')
    from (select $5::text from "session") address (email))
    returning "email_hash"),
    "rehashed" as (update "users"
    set "hashed_password" = $6::text
    where (("users"."id" = $7 and substr("users"."hashed_password", 8, 22) = substr($8::text, 8, 22)) and "users"."hashed_password" = $9::text and $10::text is not null)
    returning "id")
  select "id" from "session"`

export const refresh = `with "shown" as (select "refresh_tokens"."hash", "refresh_tokens"."session_id", "refresh_tokens"."successor", "refresh_tokens"."spent_at" is null as "is_unspent", coalesce("refresh_tokens"."spent_at" < now() - interval '10 seconds', false) as "is_late", "users"."id", "users"."email" from "refresh_tokens" inner join "sessions" on "sessions"."id" = "refresh_tokens"."session_id" inner join "users" on ("sessions"."user_id" = "users"."id" and "sessions"."salt" = substr("users"."hashed_password", 8, 22) and "sessions"."expires_at" > now())
    where "refresh_tokens"."hash" = $1
    for no key update of "users", "sessions", "refresh_tokens"),
    "lost" as (update "refresh_tokens"
    set "spent_at" = now()
    where ("refresh_tokens"."hash" = (select successor from "shown"
    where is_late) and "refresh_tokens"."spent_at" is null)
    returning "hash"),
    "renewed" as (update "refresh_tokens"
    set "spent_at" = now(), "successor" = $2
    where "refresh_tokens"."hash" = (select hash from "shown"
    where is_unspent or exists (select 1 from "lost"))
    returning "session_id"),
    "added" as (insert into "refresh_tokens" ("hash", "session_id", "spent_at", "successor") select $3, id, null::timestamptz, null
    from (select session_id from "renewed") session (id)
    returning "hash"),
    "prolonged" as (update "sessions"
    set "last_used_at" = now(), "expires_at" = least(now() + interval '30 days', "sessions"."created_at" + interval '180 days')
    where "sessions"."id" = (select session_id from "renewed")
    returning "id"),
    "ended" as (delete from "sessions"
    where "sessions"."id" = (select session_id from "shown"
    where is_late and not exists (select 1 from "lost"))
    returning "id")
  select "id", "email", "session_id", exists (select 1 from "renewed"), "is_late" and not exists (select 1 from "lost") from "shown"`

export const create = `${me},
    "body" as (select $4::jsonb as json),
    "work" as (insert into "tasks" ("id", "user_id", "title", "description", "completed", "completed_at", "priority", "tags", "due_date", "due_time", "order", "created_at", "updated_at")
    values (default, (select id from "me"),
    (jsonb_populate_record(null::"tasks", (select json from "body")))."title",
    (jsonb_populate_record(null::"tasks", (select json from "body")))."description",
    (jsonb_populate_record(null::"tasks", (select json from "body")))."completed",
    case when (jsonb_populate_record(null::"tasks", (select json from "body")))."completed" then coalesce((jsonb_populate_record(null::"tasks", (select json from "body")))."completed_at", now()) end,
    (jsonb_populate_record(null::"tasks", (select json from "body")))."priority",
    (jsonb_populate_record(null::"tasks", (select json from "body")))."tags",
    (jsonb_populate_record(null::"tasks", (select json from "body")))."due_date",
    (jsonb_populate_record(null::"tasks", (select json from "body")))."due_time",
    (jsonb_populate_record(null::"tasks", (select json from "body")))."order", default, default)
    returning ${columns}) ${end}`

export const update = `${me},
    "body" as (select $4::jsonb as json),
    "work" as (update "tasks"
    set "title" = (jsonb_populate_record("tasks", (select json from "body")))."title",
    "description" = (jsonb_populate_record("tasks", (select json from "body")))."description",
    "completed" = (jsonb_populate_record("tasks", (select json from "body")))."completed",
    "completed_at" = case when (jsonb_populate_record("tasks", (select json from "body")))."completed" then coalesce((jsonb_populate_record("tasks", (select json from "body")))."completed_at", now()) end,
    "priority" = (jsonb_populate_record("tasks", (select json from "body")))."priority",
    "tags" = (jsonb_populate_record("tasks", (select json from "body")))."tags",
    "due_date" = (jsonb_populate_record("tasks", (select json from "body")))."due_date",
    "due_time" = (jsonb_populate_record("tasks", (select json from "body")))."due_time",
    "order" = (jsonb_populate_record("tasks", (select json from "body")))."order",
    "updated_at" = greatest(now(), "tasks"."updated_at" + interval '1 millisecond')
    where ("tasks"."user_id" = (select id from "me") and "tasks"."id" = $5)
    returning ${columns}) ${end}`

export const toggle = `${me},
    "work" as (update "tasks"
    set "completed" = not "tasks"."completed",
    "completed_at" = case when not "tasks"."completed" then now() end,
    "updated_at" = greatest(now(), "tasks"."updated_at" + interval '1 millisecond')
    where ("tasks"."user_id" = (select id from "me") and "tasks"."id" = $4)
    returning ${columns}) ${end}`

export const remove = `${me},
    "work" as (delete from "tasks"
    where ("tasks"."user_id" = (select id from "me") and "tasks"."id" = $4)
    returning "id") ${end}`
