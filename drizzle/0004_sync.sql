CREATE TABLE "replies" (
	"user_id" uuid NOT NULL,
	"key" text NOT NULL,
	"fingerprint" text NOT NULL,
	"rows" json NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "replies_user_id_key_pk" PRIMARY KEY("user_id","key"),
	CONSTRAINT "replies_key_length" CHECK (char_length("replies"."key") between 1 and 255),
	CONSTRAINT "replies_fingerprint_is_sha_256" CHECK ("replies"."fingerprint" ~ '^[0-9a-f]{64}$')
);
--> statement-breakpoint
DROP INDEX "tasks_by_due_date";--> statement-breakpoint
DROP INDEX "tasks_by_priority";--> statement-breakpoint
DROP INDEX "tasks_by_title";--> statement-breakpoint
DROP INDEX "tasks_by_order";--> statement-breakpoint
DROP INDEX "tasks_by_created_at";--> statement-breakpoint
DROP INDEX "tasks_by_updated_at";--> statement-breakpoint
ALTER TABLE "tasks" DROP CONSTRAINT "tasks_pkey";--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_user_id_id_pk" PRIMARY KEY("user_id","id");--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "deleted_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "changed_at" timestamp(3) with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "replies" ADD CONSTRAINT "replies_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "replies_by_age" ON "replies" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "tasks_by_change" ON "tasks" USING btree ("user_id","updated_at","id");--> statement-breakpoint
CREATE INDEX "tasks_in_trash" ON "tasks" USING btree ("user_id","updated_at","id") WHERE "tasks"."deleted_at" is not null;--> statement-breakpoint
CREATE INDEX "tasks_by_deletion" ON "tasks" USING btree ("deleted_at") WHERE "tasks"."deleted_at" is not null;--> statement-breakpoint
CREATE INDEX "tasks_by_due_date" ON "tasks" USING btree ("user_id",coalesce("due_date", 'infinity'::date),"id") WHERE "tasks"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "tasks_by_priority" ON "tasks" USING btree ("user_id","priority","id") WHERE "tasks"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "tasks_by_title" ON "tasks" USING btree ("user_id",lower("title"),"id") WHERE "tasks"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "tasks_by_order" ON "tasks" USING btree ("user_id",coalesce("order", 'infinity'::double precision),"id") WHERE "tasks"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "tasks_by_created_at" ON "tasks" USING btree ("user_id","created_at","id") WHERE "tasks"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "tasks_by_updated_at" ON "tasks" USING btree ("user_id","updated_at","id") WHERE "tasks"."deleted_at" is null;