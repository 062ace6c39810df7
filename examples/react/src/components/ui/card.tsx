/** Cards with the names that shadcn/ui gives them. */
import type { HTMLAttributes } from "react";

type Props = HTMLAttributes<HTMLElement>;

const named = (name: string, className = ""): string => `${name} ${className}`.trim();

export const Card = ({ className, ...rest }: Props) => (
  <section className={named("card", className)} {...rest} />
);
export const CardHeader = ({ className, ...rest }: Props) => (
  <header className={named("card-header", className)} {...rest} />
);
export const CardTitle = ({ className, ...rest }: Props) => (
  <h2 className={named("card-title", className)} {...rest} />
);
export const CardContent = ({ className, ...rest }: Props) => (
  <div className={named("card-content", className)} {...rest} />
);
