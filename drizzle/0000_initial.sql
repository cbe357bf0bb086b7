CREATE TYPE "public"."priority" AS ENUM('low', 'medium', 'high');--> statement-breakpoint
CREATE TABLE "tasks" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" uuid NOT NULL,
	"title" text NOT NULL,
	"description" text,
	"completed" boolean DEFAULT false NOT NULL,
	"completed_at" timestamp (3) with time zone,
	"priority" "priority" DEFAULT 'medium' NOT NULL,
	"tags" text[] DEFAULT '{}' NOT NULL,
	"due_date" date,
	"due_time" time(0),
	"order" double precision,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "tasks_title_length" CHECK (char_length("tasks"."title") between 1 and 255),
	CONSTRAINT "tasks_description_length" CHECK (char_length("tasks"."description") <= 10000),
	CONSTRAINT "tasks_completed_has_completed_at" CHECK ("tasks"."completed" = ("tasks"."completed_at" is not null)),
	CONSTRAINT "tasks_tags_are_few_and_not_null" CHECK (cardinality("tasks"."tags") <= 20 and array_position("tasks"."tags", null) is null),
	CONSTRAINT "tasks_due_date_has_four_digit_year" CHECK ("tasks"."due_date" between '0001-01-01' and '9999-12-31'),
	CONSTRAINT "tasks_due_time_is_hours_and_minutes" CHECK ("tasks"."due_time" < '24:00' and extract(second from "tasks"."due_time") = 0),
	CONSTRAINT "tasks_due_time_needs_due_date" CHECK ("tasks"."due_time" is null or "tasks"."due_date" is not null),
	CONSTRAINT "tasks_order_is_finite" CHECK ("tasks"."order" > '-Infinity' and "tasks"."order" < 'Infinity')
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"email" text NOT NULL,
	"hashed_password" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "users_email_unique" UNIQUE("email"),
	CONSTRAINT "users_email_is_normalized" CHECK ("users"."email" = lower("users"."email") and char_length("users"."email") <= 254),
	CONSTRAINT "users_hashed_password_is_bcrypt" CHECK ("users"."hashed_password" ~ '^[$]2[aby][$].{56}$')
);
--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "tasks_by_due_date" ON "tasks" USING btree ("user_id",coalesce("due_date", 'infinity'::date),"id");--> statement-breakpoint
CREATE INDEX "tasks_by_priority" ON "tasks" USING btree ("user_id","priority","id");--> statement-breakpoint
CREATE INDEX "tasks_by_title" ON "tasks" USING btree ("user_id",lower("title"),"id");--> statement-breakpoint
CREATE INDEX "tasks_by_order" ON "tasks" USING btree ("user_id",coalesce("order", 'infinity'::double precision),"id");--> statement-breakpoint
CREATE INDEX "tasks_by_created_at" ON "tasks" USING btree ("user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "tasks_by_updated_at" ON "tasks" USING btree ("user_id","updated_at","id");