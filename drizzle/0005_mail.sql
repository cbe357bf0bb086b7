CREATE TYPE "public"."mail_purpose" AS ENUM('reset', 'confirm', 'change');--> statement-breakpoint
CREATE TABLE "mail_counts" (
	"hash" text PRIMARY KEY NOT NULL,
	"sent_at" timestamp(3) with time zone[] NOT NULL,
	"admitted" boolean DEFAULT true NOT NULL,
	CONSTRAINT "mail_counts_hash_is_sha_256" CHECK ("mail_counts"."hash" ~ '^[0-9a-f]{64}$')
);
--> statement-breakpoint
CREATE TABLE "mail_tokens" (
	"user_id" uuid NOT NULL,
	"purpose" "mail_purpose" NOT NULL,
	"hash" text NOT NULL,
	"salt" text NOT NULL,
	"email" text NOT NULL,
	"new_email" text,
	"expires_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "mail_tokens_user_id_purpose_pk" PRIMARY KEY("user_id","purpose"),
	CONSTRAINT "mail_tokens_hash_unique" UNIQUE("hash"),
	CONSTRAINT "mail_tokens_hash_is_sha_256" CHECK ("mail_tokens"."hash" ~ '^[0-9a-f]{64}$'),
	CONSTRAINT "mail_tokens_change_has_new_email" CHECK (("mail_tokens"."purpose" = 'change') = ("mail_tokens"."new_email" is not null))
);
--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "email_verified" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "mail_tokens" ADD CONSTRAINT "mail_tokens_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "mail_counts_by_age" ON "mail_counts" USING btree (("sent_at"[1]));--> statement-breakpoint
CREATE INDEX "mail_tokens_by_expiry" ON "mail_tokens" USING btree ("expires_at");